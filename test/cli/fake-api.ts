import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A server that speaks the native door's protocol, with a script instead of an engine. */
export interface FakeApi {
  readonly url: string;
  readonly requests: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];
  /** Answers of `GET /v1/research/{id}` and of the submit. */
  run: Record<string, unknown>;
  /** Frames of the event stream, one list a connection; `hang` keeps it open. */
  streams: { events: readonly FakeEvent[]; hang?: boolean }[];
  trajectory: object[];
  /** Answers below `steps/`, by the last part of the path. */
  steps: Record<string, object>;
  list: object;
  /** When set, every request is answered with it. */
  problem: { status: number; body: object } | null;
  readonly close: () => Promise<void>;
}

export const runId = 'rsch_01M85TX3DABA1CBEC2HMBK4BB7';

/** A run as the API shows it. */
export function aRun(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: runId,
    object: 'research',
    status: 'completed',
    outcome: 'answered',
    stop_reason: 'answered',
    input: 'How old is the light?',
    answer: '17',
    report: 'The answer is 17.',
    sources: [{ url: 'http://127.0.0.1:8711/wiki/A', title: 'A' }],
    usage: { input_tokens: 900, output_tokens: 100, cached_tokens: 0 },
    cost_usd: 0.0123,
    progress: { turn: 2, tool_calls: 1, steps: 3, phase: 'ended' },
    stand_in: true,
    created_at: '2026-11-24T03:50:00.000Z',
    waitingFor: null,
    waitUntil: null,
    error: null,
    ...more,
  };
}

interface FakeEvent {
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly data: object;
}

/** An event as the stream carries it. */
export function anEvent(seq: number, type: string, data: object = {}): FakeEvent {
  return { seq, type, at: '2026-11-24T03:50:00.000Z', data };
}

export async function startFakeApi(): Promise<FakeApi> {
  const server = createServer((request, response) => void answer(api, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const api: FakeApi = {
    url: `http://127.0.0.1:${port}`,
    requests: [],
    run: aRun(),
    streams: [],
    trajectory: [],
    steps: {},
    list: { object: 'list', data: [], first_id: null, last_id: null, has_more: false },
    problem: null,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return api;
}

async function answer(api: FakeApi, request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  const { method = 'GET', url: path = '/', headers } = request;
  api.requests.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
  return dispatch(api, { method, path, lastEventId: String(headers['last-event-id'] ?? -1) }, response);
}

function dispatch(
  api: FakeApi,
  { method, path, lastEventId }: { readonly method: string; readonly path: string; readonly lastEventId: string },
  response: ServerResponse,
): unknown {
  const json = (status: number, body: unknown, type = 'application/json') =>
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body ?? {}));
  const { pathname } = new URL(path, api.url);
  const last = pathname.split('/').at(-1) ?? '';
  if (api.problem !== null) return json(api.problem.status, api.problem.body, 'application/problem+json');
  if (last === 'events') return stream(api, lastEventId, response);
  if (last === 'trajectory') return response.end(api.trajectory.map((line) => JSON.stringify(line)).join('\n'));
  if (last === 'cancel') return json(202, api.run);
  if (pathname.includes('/steps/') && method === 'GET') return json(200, api.steps[last]);
  if (last !== 'research') return json(200, api.run);
  return method === 'POST' ? json(202, { ...api.run, status: 'queued', outcome: null }) : json(200, api.list);
}

/** Like the door: events after the last one that the client names, each with its number as id. */
function stream(api: FakeApi, lastEventId: string, response: ServerResponse): void {
  const after = Number(lastEventId);
  const next = api.streams.shift();
  if (next === undefined) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write('retry: 1000\n\n: heartbeat\n\n');
  for (const event of next.events) {
    const { seq, type } = event;
    if (seq > after) response.write(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  if (next.hang !== true) response.end();
}

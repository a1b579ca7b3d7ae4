import type { z } from 'zod';
import { AppError, type FailureType } from '../domain/errors.ts';
import {
  type HistoryLine,
  historyLineSchema,
  problemSchema,
  type Prompt,
  promptSchema,
  type Run,
  type RunList,
  runListSchema,
  runSchema,
  type Step,
  stepSchema,
  type TrajectoryLine,
  trajectoryLineSchema,
} from './api-schemas.ts';

/** What `research` sends. */
export interface Submission {
  readonly input: string;
  readonly profile?: string;
  readonly budget?: Readonly<Record<string, number | string>>;
  readonly on_step_failure?: string;
}

/** A verb with which a person takes hold of a run. */
export interface Verb {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Repeats under one key are one hold. */
  readonly key: string;
}

/** The native door of one server. Every method throws `Engine.Unavailable` when nobody answers there. */
export interface ApiClient {
  readonly baseUrl: string;
  readonly submit: (body: Submission, idempotencyKey: string | null) => Promise<Run>;
  readonly read: (id: string) => Promise<Run>;
  readonly list: (query: Readonly<Record<string, string>>) => Promise<RunList>;
  readonly cancel: (id: string) => Promise<Run>;
  /** A verb on a run or step, such as `pause` or `fork`; gives the run as it stands, or the new one. */
  readonly hold: (id: string, verb: Verb) => Promise<Run>;
  /** The messages that a model step sent. */
  readonly prompt: (id: string, seq: number) => Promise<Prompt>;
  /** The engine's histories of a run, an execution each. */
  readonly histories: (id: string) => AsyncGenerator<HistoryLine>;
  /** The recorded steps, in order. */
  readonly trajectory: (id: string) => AsyncGenerator<TrajectoryLine>;
  /** What a recorded step was asked, and the page that it fetched. */
  readonly readStep: (id: string, seq: number) => Promise<Step>;
  /** The event stream after event `after`; null is the beginning. */
  readonly openEvents: (id: string, after: number | null, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
}

const REQUEST_MS = 30_000;

/** How an answer of the door is told to a person; codes that are not here are a failure of the server. */
const typeOfStatus: Readonly<Record<number, FailureType>> = {
  400: 'Input.Invalid',
  402: 'Budget.Exceeded',
  403: 'Input.ForeignOrigin',
  404: 'Input.NotFound',
  409: 'Run.Conflict',
  413: 'Input.TooLarge',
  415: 'Input.UnsupportedMedia',
  422: 'Input.Invalid',
  503: 'Engine.Unavailable',
};

const run = (id: string, rest = '') => `/v1/research/${encodeURIComponent(id)}${rest}`;

/** A client of the API at `baseUrl`. */
export function createApiClient(baseUrl: string): ApiClient {
  const json = async <T>(schema: z.ZodType<T>, path: string, init: RequestInit = {}): Promise<T> => {
    const response = await call(baseUrl, path, { ...init, signal: AbortSignal.timeout(REQUEST_MS) });
    return schema.parse(await response.json());
  };
  return {
    baseUrl,
    submit: (body, idempotencyKey) =>
      json(runSchema, '/v1/research', {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: JSON.stringify(body),
      }),
    read: (id) => json(runSchema, run(id)),
    list: (query) => json(runListSchema, `/v1/research?${new URLSearchParams(query).toString()}`),
    cancel: (id) => json(runSchema, run(id, '/cancel'), { method: 'POST' }),
    hold: (id, { path, body, key }) =>
      json(runSchema, run(id, `/${path}`), {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(body),
      }),
    prompt: (id, seq) => json(promptSchema, run(id, `/steps/${seq}/prompt`)),
    histories: (id) => readLines(baseUrl, run(id, '/histories'), historyLineSchema),
    readStep: (id, seq) => json(stepSchema, run(id, `/steps/${seq}`)),
    trajectory: (id) => readLines(baseUrl, run(id, '/trajectory'), trajectoryLineSchema),
    openEvents: async (id, after, signal) => {
      const headers = {
        accept: 'text/event-stream',
        ...(after === null ? {} : { 'last-event-id': String(after) }),
      };
      const response = await call(baseUrl, run(id, '/events'), { headers, signal });
      return requireBody(response);
    },
  };
}

async function call(baseUrl: string, path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${baseUrl}${path}`, init);
  } catch (cause) {
    throw new AppError('Engine.Unavailable', {
      what: `no Longhaul API answers at ${baseUrl}`,
      mend: 'Start one with: npm run dev   (or say where it is with --api URL or LONGHAUL_API_URL)',
      cause,
    });
  }
  if (response.ok) return response;
  throw await toApiError(response, baseUrl);
}

/** An answer without content is a stream without events: nothing comes after the event that was named. */
function requireBody(response: Response): ReadableStream<Uint8Array> {
  if (response.status === 204) return new ReadableStream({ start: (controller) => controller.close() });
  if (response.body !== null) return response.body;
  throw new AppError('Engine.Unavailable', { what: `${response.url} answered without a body` });
}

/** The problem in the server's own words, with its field and mend. */
async function toApiError(response: Response, baseUrl: string): Promise<AppError> {
  const problem = problemSchema.safeParse(await response.json().catch(() => null));
  const type = typeOfStatus[response.status] ?? 'Internal.Bug';
  if (!problem.success || !(response.headers.get('content-type') ?? '').includes('json')) {
    return new AppError(type, {
      what: `${baseUrl} answered ${response.status}, and not as a Longhaul API does`,
      mend: 'Is --api or LONGHAUL_API_URL the address of one?',
    });
  }
  const { detail, title, errors } = problem.data;
  const fields = errors.map((error) => `${error.pointer}: ${error.detail}`).filter((line) => !detail.includes(line));
  // The server's sentence begins with the title that ours will begin with.
  const what = (detail === '' ? title : detail).replace(/^[a-z ]+: /, '').replace(/\.$/, '');
  return new AppError(type, { what: [what, ...fields].join('; ') });
}

async function* readLines<T>(baseUrl: string, path: string, schema: z.ZodType<T>): AsyncGenerator<T> {
  const response = await call(baseUrl, path, { headers: { accept: 'application/x-ndjson' } });
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of requireBody(response)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield schema.parse(JSON.parse(line));
  }
  if (rest.trim() !== '') yield schema.parse(JSON.parse(rest));
}

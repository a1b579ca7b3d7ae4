import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { OpenAI } from 'openai';
import type { z } from 'zod';
import { createModelServer } from '../../../../activities/model/adapters/model-server.ts';
import { createStaticReplicas } from '../../../../activities/model/adapters/replicas-static.ts';
import type { Move, PoolObserver } from '../../../../activities/model/pool/observer.ts';
import { createPooledChat } from '../../../../activities/model/pool/pooled-chat.ts';
import type { ReplicaDiscovery } from '../../../../activities/model/pool/ports.ts';
import { ReplicaPool } from '../../../../activities/model/pool/replica-pool.ts';
import type { ChatRequest } from '../../../../activities/model/ports.ts';
import { modelPoolSchema } from '../../../../domain/pool/pool-config.ts';
import { mirothinkerV1 } from '../../../../domain/profile.ts';

/** What a replica does with a chat request; null: it answers. */
export type Behaviour = ((response: ServerResponse) => void) | null;

/** A real HTTP server that speaks as vLLM does, and can be told to misbehave. */
export interface TestReplica {
  readonly url: string;
  readonly id: string;
  /** Sessions whose chat requests came, in order; `ping` for a trial. */
  readonly asked: string[];
  /** Metrics that it gives. */
  metrics: string;
  /** Models that it lists. */
  models: string[];
  behaviour: Behaviour;
  isHealthy: boolean;
  readonly stop: () => Promise<void>;
  /** Comes back at the same address. */
  readonly restart: () => Promise<void>;
}

const chunk = (delta: object, reason: string | null) =>
  `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
const usage = `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 100, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 64 } } })}\n\n`;

export const aStream = `${chunk({ content: 'Tall.' }, null)}${chunk({}, 'stop')}${usage}data: [DONE]\n\n`;

function answerChat(replica: TestReplica, request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (part: Buffer) => chunks.push(part));
  request.on('end', () => {
    const isStream = Buffer.concat(chunks).toString().includes('"stream":true');
    replica.asked.push(isStream ? String(request.headers['x-upstream-session-id']) : 'ping');
    if (replica.behaviour !== null) return replica.behaviour(response);
    if (isStream) return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(aStream);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ choices: [{ message: { content: 'pong' } }], usage: {} }));
  });
}

function answer(replica: TestReplica, request: IncomingMessage, response: ServerResponse): void {
  const json = (value: unknown) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (request.url === '/v1/chat/completions') answerChat(replica, request, response);
  else if (request.url === '/health') response.writeHead(replica.isHealthy ? 200 : 503).end();
  else if (request.url === '/metrics') response.end(replica.metrics);
  else if (request.url === '/version') json({ version: '0.32.0' });
  else if (request.url === '/v1/models') json({ data: replica.models.map((id) => ({ id, max_model_len: 262_144 })) });
  else response.writeHead(404).end();
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Starts a replica on a free port. */
export async function startReplica(): Promise<TestReplica> {
  let server = createServer();
  const port = await listen(server, 0);
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const replica: TestReplica = {
    url: `http://127.0.0.1:${port}/v1`,
    id: `127.0.0.1:${port}`,
    asked: [],
    metrics: '',
    models: ['a-model'],
    behaviour: null,
    isHealthy: true,
    stop,
    restart: async () => {
      server = createServer((request, response) => answer(replica, request, response));
      await listen(server, port);
    },
  };
  await stop();
  await replica.restart();
  return replica;
}

type PoolChange = Partial<z.input<typeof modelPoolSchema>>;

/** A pool over replicas, with a clock that tests move, and its looks made by hand. */
export function openPool(
  replicas: readonly TestReplica[],
  change: PoolChange = {},
  discovery: ReplicaDiscovery = createStaticReplicas(replicas.map(({ url }) => ({ url, weight: 1, drain: false }))),
) {
  const pool = modelPoolSchema.parse({
    replicas: { static: replicas.map(({ url }) => ({ url })) },
    models: [{ name: 'a-model' }],
    concurrency: 8,
    // Looks are made by the tests; the timer of the pool never comes.
    health: { everyMs: 3_600_000, timeoutMs: 1_000 },
    ...change,
  });
  const clock = { nowMs: 1_000_000 };
  const moves: Move[] = [];
  const parked: string[] = [];
  const spoiled: string[] = [];
  const ended: Parameters<PoolObserver['ended']>[0][] = [];
  const changes: string[] = [];
  const replicaPool = new ReplicaPool({
    name: 'main',
    pool,
    discovery,
    now: () => clock.nowMs,
    openServer: ({ url }) => {
      const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 });
      return createModelServer({ client, url, pool, apiKey: null });
    },
    observer: {
      moved: (move) => void moves.push(move),
      parked: (run) => void parked.push(run),
      spoiled: ({ run, message }) => void spoiled.push(`${run} at ${message}`),
      ended: (call) => void ended.push(call),
      changed: ({ replica, state }) => void changes.push(`${replica} ${state}`),
    },
  });
  return { pool: replicaPool, chat: createPooledChat(replicaPool), clock, moves, parked, spoiled, ended, changes };
}

export function aRequest(run: string, change: Partial<ChatRequest> = {}): ChatRequest {
  return {
    model: mirothinkerV1('a-model').model,
    messages: [{ role: 'user', content: 'How tall?' }],
    stepKey: `key-${run}`,
    sessionId: run,
    tenant: 'default',
    home: null,
    begin: () => {},
    priorityKey: 3,
    isLast: false,
    ...change,
  };
}

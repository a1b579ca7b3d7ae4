import type { IncomingMessage, ServerResponse } from 'node:http';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { clientSignal, headerOf, readBody, sendJson, startHttpServer } from '../http-server/http-server.ts';
import { createRequestLog, type RequestEntry, type RequestLog } from '../http-server/request-log.ts';
import { text, w600 } from '../model-server/w600.ts';

interface ToolFacts {
  readonly tool: string;
  readonly stepKey: string | null;
  readonly digest: string;
  readonly bodyBytes: number;
}

/** One request that the tool server received. */
export type ToolRequestLog = ToolFacts & RequestEntry;

/** A running tool server. */
export interface ToolServer {
  /** Base of `POST <url>/tools/<name>` and `GET <url>/log`. */
  readonly url: string;
  readonly port: number;
  readonly requests: () => readonly ToolRequestLog[];
  /** How often each call took effect in the world, by its step key: `keyed` deduplicates, `unkeyed` does not. */
  readonly effects: () => ReadonlyMap<string, number>;
  readonly close: () => Promise<void>;
}

const bodySchema = z.object({ arguments: z.record(z.string(), z.unknown()).default({}) });
const benchSchema = z.object({ i: z.coerce.number().int().min(0) });
const slowSchema = z.object({ ms: z.coerce.number().min(0).max(600_000) });
const failSchema = z.object({ status: z.coerce.number().int().min(400).max(599).default(500) });

interface ToolAnswer {
  readonly status: number;
  readonly body: { readonly content: string } | { readonly error: string };
}

/** A call, and the world that it may change. */
interface Call {
  readonly signal: AbortSignal;
  readonly stepKey: string;
  readonly effects: Map<string, number>;
}

type Behaviour = (values: Record<string, unknown>, call: Call) => ToolAnswer | Promise<ToolAnswer>;

const said = (content: string): ToolAnswer => ({ status: 200, body: { content } });

const effectSchema = z.object({ ms: z.coerce.number().min(0).max(600_000).default(0) });

/** Takes effect first and answers later, so that a caller may die in between. */
async function takeEffect(values: Record<string, unknown>, { effects, stepKey }: Call, isKeyed: boolean) {
  const { ms } = effectSchema.parse(values);
  const before = effects.get(stepKey) ?? 0;
  if (!isKeyed || before === 0) effects.set(stepKey, before + 1);
  await sleep(ms);
  return said(`took effect ${effects.get(stepKey) ?? 0} times`);
}

const behaviours: ReadonlyMap<string, Behaviour> = new Map<string, Behaviour>([
  ['echo', (values) => said(JSON.stringify(values))],
  ['bench', (values) => said(text(w600.toolSeed + benchSchema.parse(values).i, w600.toolBytes))],
  [
    'slow',
    async (values, { signal }) => {
      const { ms } = slowSchema.parse(values);
      await sleep(ms, undefined, { signal });
      return said(`waited ${ms} ms`);
    },
  ],
  ['keyed', (values, call) => takeEffect(values, call, true)],
  ['unkeyed', (values, call) => takeEffect(values, call, false)],
  [
    'fail',
    (values) => {
      const { status } = failSchema.parse(values);
      return { status, body: { error: `failed with ${status}, as asked` } };
    },
  ],
]);

async function answer(tool: string, bytes: Buffer, call: Call): Promise<ToolAnswer> {
  const behaviour = behaviours.get(tool);
  if (behaviour === undefined) return { status: 404, body: { error: `no tool ${tool}` } };
  try {
    const body = bodySchema.parse(JSON.parse(bytes.toString('utf8')));
    return await behaviour(body.arguments, call);
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    return { status: 400, body: { error: `bad arguments: ${reason}` } };
  }
}

function createHandler(log: RequestLog<ToolFacts>, effects: Map<string, number>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://tools').pathname;
    if (request.method === 'GET' && path === '/log') return sendJson(response, 200, log.entries());
    if (request.method === 'GET' && path === '/effects') return sendJson(response, 200, Object.fromEntries(effects));
    const tool = /^\/tools\/([^/]+)$/u.exec(path)?.[1];
    if (request.method !== 'POST' || tool === undefined) return sendJson(response, 404, { error: `no route ${path}` });
    const signal = clientSignal(response);
    const { bytes } = await readBody(request);
    const stepKey = headerOf(request, 'idempotency-key');
    const index = log.begin({
      tool,
      stepKey,
      digest: createHash('sha256').update(bytes).digest('hex'),
      bodyBytes: bytes.length,
    });
    const { status, body } = await answer(tool, bytes, { signal, effects, stepKey: stepKey ?? '' });
    if (signal.aborted) return log.end(index, { status, outcome: 'aborted' });
    response.once('close', () => log.end(index, { status, outcome: 'aborted' }));
    response.once('finish', () => log.end(index, { status, outcome: 'complete' }));
    sendJson(response, status, body);
  };
}

/**
 * Starts the tool server: `echo`, `bench` (W600), `slow`, `fail`, and two with an effect, `keyed` and `unkeyed`; with a log of every
 * request.
 */
export async function startToolServer(
  options: { readonly port?: number; readonly logFile?: string } = {},
): Promise<ToolServer> {
  const log = createRequestLog<ToolFacts>(options.logFile);
  const effects = new Map<string, number>();
  const server = await startHttpServer({ port: options.port, handle: createHandler(log, effects) });
  return {
    url: `http://${server.host}:${server.port}`,
    port: server.port,
    requests: log.entries,
    effects: () => effects,
    close: async () => {
      await server.close();
      log.close();
    },
  };
}

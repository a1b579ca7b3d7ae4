import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { clientSignal, headerOf, readBody, sendJson, sendText, startHttpServer } from '../http-server/http-server.ts';
import { createRequestLog, type RequestEntry, type RequestLog } from '../http-server/request-log.ts';
import { type ChatBody, chatBodySchema, type ChatRequest, toChatRequest } from './chat-request.ts';
import { deliver } from './deliver.ts';
import { toMetrics } from './metrics.ts';
import type { ModelMind, ModelReply } from './mind.ts';
import { cachedTokens, estimateTokens, promptTokens, type Usage } from './usage.ts';

interface ModelFacts {
  /** `Idempotency-Key` of the request. */
  readonly stepKey: string | null;
  /** `X-Upstream-Session-Id` of the request. */
  readonly session: string | null;
  readonly model: string | null;
  /** SHA-256 of the body as received. */
  readonly digest: string;
  readonly bodyBytes: number;
  /** Estimated. */
  readonly promptTokens: number;
  /** Estimated, too: what a prefix cache would have had. */
  readonly cachedTokens: number;
  readonly messages: number;
  /** Only with `logBodies`. */
  readonly body?: unknown;
}

/** One request that the model server received. */
export type ModelRequestLog = ModelFacts & RequestEntry;

export interface ModelServerOptions {
  readonly mode: ModelMind;
  readonly port?: number;
  readonly host?: '127.0.0.1';
  readonly logFile?: string;
  /** Keeps every body in the log; off, since a long run would fill it. */
  readonly logBodies?: boolean;
}

/** A running model server. */
export interface ModelServer {
  /** Base URL as OpenAI clients take it, ending in `/v1`. */
  readonly url: string;
  readonly port: number;
  readonly requests: () => readonly ModelRequestLog[];
  readonly close: () => Promise<void>;
}

interface Received {
  readonly facts: ModelFacts;
  /** Null when the body is no chat request. */
  readonly chat: { readonly body: ChatBody; readonly request: ChatRequest } | null;
  readonly problem: string;
}

function parseBody(bytes: Buffer): { body: ChatBody | null; problem: string } {
  try {
    const parsed = chatBodySchema.safeParse(JSON.parse(bytes.toString('utf8')));
    return parsed.success
      ? { body: parsed.data, problem: '' }
      : { body: null, problem: `not a chat request: ${z.prettifyError(parsed.error)}` };
  } catch (error) {
    return { body: null, problem: `the body is not JSON: ${String(error)}` };
  }
}

async function receive(request: IncomingMessage, logBodies: boolean): Promise<Received> {
  const { bytes } = await readBody(request);
  const { body, problem } = parseBody(bytes);
  const session = headerOf(request, 'x-upstream-session-id');
  const chat = body === null ? null : { body, request: toChatRequest(body, session) };
  const facts: ModelFacts = {
    stepKey: headerOf(request, 'idempotency-key'),
    session,
    model: body?.model ?? null,
    digest: createHash('sha256').update(bytes).digest('hex'),
    bodyBytes: bytes.length,
    promptTokens: chat === null ? 0 : promptTokens(chat.request.messages),
    cachedTokens: chat === null ? 0 : cachedTokens(chat.request.messages),
    messages: chat?.request.messages.length ?? 0,
    ...(logBodies && body !== null ? { body } : {}),
  };
  return { facts, chat, problem };
}

function toUsage(reply: ModelReply, estimated: ModelFacts): Usage {
  const calls = reply.toolCalls.reduce((sum, call) => sum + estimateTokens(call.arguments) + 8, 0);
  return {
    promptTokens: reply.usage.promptTokens ?? estimated.promptTokens,
    completionTokens: reply.usage.completionTokens ?? estimateTokens(reply.text) + calls,
    cachedTokens: reply.usage.cachedTokens ?? estimated.cachedTokens,
  };
}

function createChatHandler(options: ModelServerOptions, log: RequestLog<ModelFacts>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const signal = clientSignal(response);
    const { facts, chat, problem } = await receive(request, options.logBodies ?? false);
    const index = log.begin(facts);
    if (chat === null) {
      log.end(index, { status: 400, outcome: 'complete' });
      return sendJson(response, 400, { error: { message: problem, type: 'invalid_request_error' } });
    }
    try {
      const reply = options.mode.reply(chat.request);
      const result = await deliver({
        response,
        reply,
        signal,
        usage: toUsage(reply, facts),
        id: `chatcmpl-${facts.digest.slice(0, 24)}`,
        model: options.mode.modelName,
        stream: chat.body.stream === true,
        includeUsage: chat.body.stream_options?.include_usage === true,
      });
      log.end(index, result);
    } catch (error) {
      log.end(index, { status: signal.aborted ? 499 : 500, outcome: 'aborted' });
      if (!signal.aborted) throw error;
    }
  };
}

/** Starts the OpenAI-compatible server: `/v1/chat/completions`, `/v1/models`, `/health`, vLLM's `/metrics`, and its log under `/log`. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const log = createRequestLog<ModelFacts>(options.logFile);
  const chat = createChatHandler(options, log);
  const server = await startHttpServer({
    port: options.port,
    host: options.host,
    handle: async (request, response) => {
      const route = `${request.method ?? 'GET'} ${new URL(request.url ?? '/', 'http://model').pathname}`;
      if (route === 'POST /v1/chat/completions') return chat(request, response);
      if (route === 'GET /health') return sendJson(response, 200, {});
      if (route === 'GET /metrics') return sendText(response, toMetrics(log.entries()));
      if (route === 'GET /log') return sendJson(response, 200, log.entries());
      if (route === 'GET /v1/models') {
        const model = { id: options.mode.modelName, object: 'model', created: 0, owned_by: 'longhaul-development' };
        return sendJson(response, 200, { object: 'list', data: [model] });
      }
      return sendJson(response, 404, { error: { message: `no route ${route}`, type: 'invalid_request_error' } });
    },
  });
  return {
    url: `http://${server.host}:${server.port}/v1`,
    port: server.port,
    requests: log.entries,
    close: async () => {
      await server.close();
      log.close();
    },
  };
}

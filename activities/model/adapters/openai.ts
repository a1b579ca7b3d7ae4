import type { OpenAI } from 'openai';
import { AppError } from '../../../domain/errors.ts';
import type { ModelPool } from '../../../domain/pool/pool-config.ts';
import type { ChatPort, ChatReply, ChatRequest } from '../ports.ts';
import { type ChatBody, type ServerHabits, toChatBody } from './chat-body.ts';
import { toModelError } from './openai-errors.ts';
import { findRefusedFields } from './refused-fields.ts';
import { ReplyBuilder } from './reply-builder.ts';

/** How long a stream may be silent, in milliseconds. */
export interface StreamLimits {
  readonly firstTokenMs: number;
  readonly idleMs: number;
}

/** Source: reliability goals for model calls: first token 120 s, idle 60 s. */
const defaultStreamLimits: StreamLimits = { firstTokenMs: 120_000, idleMs: 60_000 };

/** A timer that aborts when the stream is silent for too long; every byte sets it back. */
function createSilenceLimit(signal: AbortSignal, limits: StreamLimits) {
  const controller = new AbortController();
  let timer = setTimeout(() => controller.abort(), limits.firstTokenMs);
  return {
    signal: AbortSignal.any([signal, controller.signal]),
    isReached: () => controller.signal.aborted && !signal.aborted,
    heard: () => {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), limits.idleMs);
    },
    end: () => clearTimeout(timer),
  };
}

/** One streamed call of one server. */
export interface StreamOptions {
  readonly client: OpenAI;
  readonly limits?: StreamLimits;
}

/** How one call is made. */
export interface StreamCall {
  readonly signal: AbortSignal;
  /** Called at every chunk that arrives. */
  readonly onByte: () => void;
}

/** Lets a request leave only when `begin` allows it: the last thing that happens in this process before it does. */
function createGate(begin: () => void) {
  let refusal: unknown = null;
  return {
    fetch: (async (url, init) => {
      try {
        begin();
      } catch (error) {
        refusal = error;
        throw error;
      }
      return await fetch(url, init);
    }) satisfies typeof fetch,
    /** What `begin` threw, which the client hides in an error of its own; null when it allowed the request. */
    refusal: () => refusal,
  };
}

/**
 * Makes one streamed call and gathers its reply.
 *
 * @throws AppError `Model.*`; whatever the signal's owner aborted it with
 */
async function streamChat(
  { client, limits = defaultStreamLimits }: StreamOptions,
  { body, request }: { readonly body: ChatBody; readonly request: ChatRequest },
  { signal, onByte }: StreamCall,
): Promise<ChatReply> {
  const silence = createSilenceLimit(signal, limits);
  const reply = new ReplyBuilder();
  const gate = createGate(request.begin);
  try {
    const stream = await client.withOptions({ fetch: gate.fetch }).chat.completions.create(body, {
      signal: silence.signal,
      headers: { 'Idempotency-Key': request.stepKey, 'x-upstream-session-id': request.sessionId },
    });
    for await (const chunk of stream) {
      silence.heard();
      onByte();
      reply.add(chunk);
    }
    if (signal.aborted) throw signal.reason;
    if (silence.isReached()) throw new AppError('Model.Timeout', { what: 'the stream fell silent' });
    return reply.build(request.model.name);
  } catch (error) {
    if (signal.aborted) throw error;
    if (gate.refusal() !== null) throw gate.refusal();
    if (silence.isReached()) {
      throw new AppError('Model.Timeout', {
        what: `no byte for ${limits.idleMs / 1_000} s (${limits.firstTokenMs / 1_000} s for the first one)`,
      });
    }
    throw error;
  } finally {
    silence.end();
  }
}

/** What a server was found to refuse, kept for its later calls. */
export type RefusedFields = Set<string>;

/**
 * A call whose body is cut to what the server takes: a field that it refuses is left out, and the call made again at once.
 *
 * Each further try has fewer fields, so that there are few; nothing was generated before a refusal.
 */
export async function callWithinHabits(
  options: StreamOptions,
  {
    request,
    served,
    habits,
  }: {
    readonly request: ChatRequest;
    readonly served: string;
    readonly habits: Omit<ServerHabits, 'refused'> & { readonly refused: RefusedFields };
  },
  call: StreamCall,
): Promise<ChatReply> {
  for (;;) {
    const body = toChatBody(request, served, habits);
    try {
      return await streamChat(options, { body, request }, call);
    } catch (error) {
      if (call.signal.aborted) throw error;
      const refused = findRefusedFields(error, body);
      if (refused.length === 0) throw toModelError(error);
      for (const name of refused) habits.refused.add(name);
    }
  }
}

/** One server alone has nothing to route by, and one cache for all. */
const plainSend: ModelPool['send'] = { sessionId: false, cacheSalt: false, priority: false, idSlot: false };

/** A chat port over any OpenAI-compatible server. The client must have `maxRetries: 0`: the engine owns retries. */
export function createOpenAiChat(options: StreamOptions): ChatPort {
  const habits = { engine: null, send: plainSend, refused: new Set<string>(), slot: null };
  return {
    complete: (request, signal) =>
      callWithinHabits(options, { request, served: request.model.name, habits }, { signal, onByte: () => {} }),
  };
}

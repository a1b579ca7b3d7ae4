import type { OpenAI } from 'openai';
import { AppError } from '../../../domain/errors.ts';
import type { TokenUsage } from '../../../domain/usage.ts';
import type { ChatPort, ChatReply, ChatRequest } from '../ports.ts';
import { toModelError } from './openai-errors.ts';

/** How long a stream may be silent, in milliseconds. */
export interface StreamLimits {
  readonly firstTokenMs: number;
  readonly idleMs: number;
}

/** Source: reliability goals for model calls: first token 120 s, idle 60 s. */
const defaultStreamLimits: StreamLimits = { firstTokenMs: 120_000, idleMs: 60_000 };

type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;

/** Fields of a delta that servers add beside OpenAI's own. */
interface ReasoningDelta {
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
}

/** Gathers a stream into a reply. */
class ReplyBuilder {
  text = '';
  reasoning = '';
  finish: string | null = null;
  usage: TokenUsage | null = null;
  model = '';

  add(chunk: Chunk): void {
    this.model ||= chunk.model;
    const choice = chunk.choices[0];
    if (choice !== undefined) {
      // Reasoning fields are not in OpenAI's type; every vLLM parser sends one of the two names.
      const delta = choice.delta as typeof choice.delta & ReasoningDelta;
      this.text += delta.content ?? '';
      this.reasoning += delta.reasoning_content ?? delta.reasoning ?? '';
      this.finish = choice.finish_reason ?? this.finish;
    }
    if (chunk.usage !== null && chunk.usage !== undefined) this.usage = toUsage(chunk.usage);
  }

  build(asked: string): ChatReply {
    if (this.finish === null) {
      throw new AppError('Model.StreamCut', {
        what: `the stream ended after ${this.text.length} characters without a finish reason`,
      });
    }
    if (this.finish !== 'stop' && this.finish !== 'length') {
      throw new AppError('Model.Failed', { what: `the model ended with finish_reason ${this.finish.slice(0, 40)}` });
    }
    return {
      text: this.text,
      reasoning: this.reasoning === '' ? null : this.reasoning,
      finish: this.finish,
      usage: this.usage,
      model: this.model === '' ? asked : this.model,
    };
  }
}

function toUsage(usage: NonNullable<Chunk['usage']>): TokenUsage {
  return {
    inputTokens: toCount(usage.prompt_tokens),
    outputTokens: toCount(usage.completion_tokens),
    cachedTokens: Math.min(toCount(usage.prompt_tokens), toCount(usage.prompt_tokens_details?.cached_tokens)),
  };
}

/** Servers leave counts out, whatever the type says. */
function toCount(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.round(value) : 0;
}

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

function toBody(request: ChatRequest): OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming {
  const { model, messages } = request;
  const { temperature, topP, repetitionPenalty } = model.sampling;
  return {
    model: model.name,
    messages: messages.map((message) => ({ role: message.role, content: message.content })),
    temperature,
    top_p: topP,
    // vLLM, SGLang and llama.cpp know this name; the newer one is OpenAI's alone.
    // oxlint-disable-next-line typescript/no-deprecated
    max_tokens: model.maxTokens,
    // A vLLM and SGLang field, unknown to OpenAI's type; 1 is the neutral value and is not sent.
    ...(repetitionPenalty === 1 ? {} : { repetition_penalty: repetitionPenalty }),
    stream: true,
    stream_options: { include_usage: true },
  };
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

/** A chat port over any OpenAI-compatible server. The client must have `maxRetries: 0`: the engine owns retries. */
export function createOpenAiChat(options: { readonly client: OpenAI; readonly limits?: StreamLimits }): ChatPort {
  const limits = options.limits ?? defaultStreamLimits;
  return {
    complete: async (request, signal) => {
      const silence = createSilenceLimit(signal, limits);
      const reply = new ReplyBuilder();
      const gate = createGate(request.begin);
      try {
        const client = options.client.withOptions({ fetch: gate.fetch });
        const stream = await client.chat.completions.create(toBody(request), {
          signal: silence.signal,
          headers: { 'Idempotency-Key': request.stepKey, 'x-upstream-session-id': request.sessionId },
        });
        for await (const chunk of stream) {
          silence.heard();
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
        throw toModelError(error);
      } finally {
        silence.end();
      }
    },
  };
}

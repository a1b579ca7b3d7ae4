import type { OpenAI } from 'openai';
import { digestFields } from '../../../domain/digest.ts';
import { breakControlTokens } from '../../../domain/pool/control-tokens.ts';
import type { Engine, ModelPool } from '../../../domain/pool/pool-config.ts';
import type { ChatRequest } from '../ports.ts';

/** What a server is sent beside OpenAI's own fields. */
export interface ServerHabits {
  /** Null when it is not known: then everything is tried, and what is refused is left out from then on. */
  readonly engine: Engine | null;
  readonly send: ModelPool['send'];
  /** Fields that it has refused. */
  readonly refused: ReadonlySet<string>;
  /** Slot of llama.cpp that the run has; null: the server's own choice. */
  readonly slot: number | null;
}

/** A body as it goes out; those of the optional fields that are sent are beside OpenAI's own. */
export type ChatBody = OpenAI.Chat.Completions.ChatCompletionCreateParamsStreaming;

/** A field that not every server knows. */
interface OptionalField {
  /** Families that know it; an unknown server is tried. */
  readonly engines: readonly Engine[];
  /** Undefined: nothing to send. */
  readonly value: (request: ChatRequest, habits: ServerHabits) => unknown;
}

/** llama.cpp's own name for the penalty is another. */
function toPenalty({ model }: ChatRequest): number | undefined {
  const { repetitionPenalty } = model.sampling;
  // 1 is the neutral value.
  return repetitionPenalty === 1 ? undefined : repetitionPenalty;
}

/** A message of the assistant at the end is to be gone on with, not answered. */
function isPrefill({ messages }: ChatRequest): boolean {
  return messages.at(-1)?.role === 'assistant';
}

function toRepetitionDetection({ model }: ChatRequest): object | undefined {
  const detection = model.sampling.repetitionDetection;
  if (detection === undefined) return undefined;
  const { maxPatternTokens, minPatternTokens, minCount } = detection;
  return { max_pattern_size: maxPatternTokens, min_pattern_size: minPatternTokens, min_count: minCount };
}

/** One salt a tenant: one a request would keep nothing, none would let tenants feel each other's cache. */
function toCacheSalt(tenant: string): string {
  return digestFields(['cache-salt/v1', tenant]).slice(0, 32);
}

/** *Source:* request fields of vLLM's, SGLang's and llama.cpp's servers. */
const optionalFields: Readonly<Record<string, OptionalField>> = {
  session_id: {
    engines: ['vllm'],
    value: (request, { send }) => (send.sessionId ? request.sessionId : undefined),
  },
  cache_salt: {
    engines: ['vllm'],
    value: (request, { send }) => (send.cacheSalt ? toCacheSalt(request.tenant) : undefined),
  },
  priority: {
    engines: ['vllm', 'sglang'],
    value: (request, { send }) => (send.priority ? request.priorityKey : undefined),
  },
  repetition_detection: { engines: ['vllm'], value: toRepetitionDetection },
  repetition_penalty: { engines: ['vllm', 'sglang'], value: toPenalty },
  repeat_penalty: {
    engines: ['llamacpp'],
    value: (request, { engine }) => (engine === 'llamacpp' ? toPenalty(request) : undefined),
  },
  continue_final_message: {
    engines: ['vllm', 'sglang'],
    value: (request) => (isPrefill(request) ? true : undefined),
  },
  add_generation_prompt: {
    engines: ['vllm', 'sglang'],
    value: (request) => (isPrefill(request) ? false : undefined),
  },
  cache_prompt: {
    engines: ['llamacpp'],
    value: (_request, { engine }) => (engine === 'llamacpp' ? true : undefined),
  },
  id_slot: {
    engines: ['llamacpp'],
    value: (_request, { engine, slot }) => (engine === 'llamacpp' && slot !== null ? slot : undefined),
  },
};

/** Names of the fields that may be left out for a server that refuses them. */
export const optionalFieldNames: readonly string[] = Object.keys(optionalFields);

function toOptional(request: ChatRequest, habits: ServerHabits): object {
  const { engine, refused } = habits;
  const fields = Object.entries(optionalFields)
    .filter(([name, { engines }]) => !refused.has(name) && (engine === null || engines.includes(engine)))
    .map(([name, { value }]) => [name, value(request, habits)] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined));
}

/**
 * A request's body as this server takes it.
 *
 * The last step before the wire: added tokens of the tokenizer are broken here, in every message; records keep the text before it.
 */
export function toChatBody(request: ChatRequest, served: string, habits: ServerHabits): ChatBody {
  const { model, messages } = request;
  const { temperature, topP } = model.sampling;
  return {
    model: served,
    messages: messages.map(({ role, content }) => ({ role, content: breakControlTokens(content, role) })),
    temperature,
    top_p: topP,
    // vLLM, SGLang and llama.cpp know this name; the newer one is OpenAI's alone.
    // oxlint-disable-next-line typescript/no-deprecated
    max_tokens: model.maxTokens,
    ...toOptional(request, habits),
    stream: true,
    stream_options: { include_usage: true },
  };
}

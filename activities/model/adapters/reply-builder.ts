import type { OpenAI } from 'openai';
import { AppError } from '../../../domain/errors.ts';
import type { TokenUsage } from '../../../domain/usage.ts';
import type { ChatReply } from '../ports.ts';

export type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;

/** Fields of a delta that servers add beside OpenAI's own. */
interface ReasoningDelta {
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
}

/** Ends of a generation that give no reply, and what each says of the server. */
const failedFinishes: Readonly<
  Record<string, { readonly type: 'Model.Failed' | 'Model.Degenerate'; readonly why: string }>
> = {
  tool_calls: {
    type: 'Model.Failed',
    why: 'the server moved the calls out of the text: serve it without a tool call parser',
  },
  content_filter: { type: 'Model.Failed', why: 'a filter ended it' },
  abort: { type: 'Model.Failed', why: 'the server gave it up' },
  error: { type: 'Model.Failed', why: 'the server met an error' },
  repetition: { type: 'Model.Degenerate', why: 'the reply repeated itself' },
};

/** Gathers a stream into a reply. */
export class ReplyBuilder {
  #text = '';
  #reasoning = '';
  #finish: string | null = null;
  #usage: TokenUsage | null = null;
  #model = '';

  add(chunk: Chunk): void {
    this.#model ||= chunk.model;
    const choice = chunk.choices[0];
    if (choice !== undefined) {
      // Reasoning fields are not in OpenAI's type; every parser of the servers sends one of the two names, some both.
      const delta = choice.delta as typeof choice.delta & ReasoningDelta;
      this.#text += delta.content ?? '';
      this.#reasoning += delta.reasoning_content ?? delta.reasoning ?? '';
      this.#finish = choice.finish_reason ?? this.#finish;
    }
    if (chunk.usage !== null && chunk.usage !== undefined) this.#usage = toUsage(chunk.usage);
  }

  /** The reply. @throws AppError when the stream had no end, or an end that is none */
  build(asked: string): ChatReply {
    const finish = this.#finish;
    if (finish === null) {
      throw new AppError('Model.StreamCut', {
        what: `the stream ended after ${this.#text.length} characters without a finish reason`,
      });
    }
    if (finish !== 'stop' && finish !== 'length') {
      const failed = failedFinishes[finish];
      throw new AppError(failed?.type ?? 'Model.Failed', {
        what: `the model ended with finish_reason ${finish.slice(0, 40)}${failed === undefined ? '' : ` (${failed.why})`}`,
      });
    }
    return {
      text: joinThoughts(this.#reasoning, this.#text),
      reasoning: null,
      finish,
      usage: this.#usage,
      model: this.#model === '' ? asked : this.#model,
      replica: null,
    };
  }
}

/** Thoughts that the server split off go back in front: the next prompt must hold them. *Source:* MiroThinker protocol §8.3. */
function joinThoughts(reasoning: string, text: string): string {
  if (reasoning.trim() === '') return text;
  return `<think>\n${reasoning.replaceAll(/^\n+|\n+$/gu, '')}\n</think>\n\n${text.replace(/^\n+/u, '')}`;
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

import type { OpenAI } from 'openai';

import { AppError } from '../../../domain/errors.ts';
import { noUsage, type TokenUsage } from '../../../domain/usage.ts';
import type { ReaderPort, WebCallOptions } from '../ports.ts';
import { cutPage, pageCutMarker, toReaderPrompt } from '../reader-prompt.ts';

/** What a reader model is made of. */
export interface ModelReaderOptions {
  /** Of this only `chat.completions.create` is used. */
  readonly client: OpenAI;
  readonly model: string;
  /** Of the page's text, in code points. Default 409,600. *Source:* MiroThinker protocol §4.3. */
  readonly maxPromptChars?: number;
  /** For one request. Default 300,000. */
  readonly timeoutMs?: number;
  /** The model pool's own table of failures. */
  readonly toModelError: (error: unknown) => AppError;
}

type Completion = OpenAI.Chat.Completions.ChatCompletion;

/** After an overflow, `try` times this many code points are cut from the end. *Source:* MiroThinker protocol §6.2. */
const overflowCutChars = 40_960;
const maxTries = 4;

/**
 * Draws what is wanted from a page with a model: one user message, sampled at temperature 1. A page that is longer than the model's window
 * is cut from its end and asked about again, four times in all; then the overflow is reported.
 */
export function createModelReader(options: ModelReaderOptions): ReaderPort {
  const maxChars = options.maxPromptChars ?? 409_600;
  return {
    extract: async (request, call) => {
      const page = cutPage(request.text, maxChars).text;
      let text = page;
      for (let attempt = 1; ; attempt += 1) {
        try {
          const completion = await ask(options, {
            prompt: toReaderPrompt({ wanted: request.wanted, text }),
            request,
            call,
            attempt,
          });
          const extraction = toExtraction(completion, options.model);
          // What begins to say the same again and again is asked for once more; the last try is taken as it is.
          if (attempt === maxTries || !isRepetitive(extraction.text)) return extraction;
        } catch (error) {
          call.signal.throwIfAborted();
          const failure = error instanceof AppError ? error : options.toModelError(error);
          if (failure.type !== 'Model.ContextOverflow' || attempt === maxTries) throw failure;
          const kept = Math.max(0, Array.from(page).length - overflowCutChars * attempt);
          text = cutPage(page, kept).text + pageCutMarker;
        }
      }
    },
  };
}

const repeatedChars = 50;
const maxRepeats = 5;

/** Does the end of the text, its last 50 code points, occur more than five times in it? *Source:* MiroThinker protocol §2.3, §6.2. */
function isRepetitive(text: string): boolean {
  const ending = Array.from(text.slice(-2 * repeatedChars))
    .slice(-repeatedChars)
    .join('');
  return Array.from(ending).length === repeatedChars && text.split(ending).length - 1 > maxRepeats;
}

interface Question {
  readonly prompt: string;
  readonly request: { readonly maxTokens: number };
  readonly call: WebCallOptions;
  readonly attempt: number;
}

function ask(options: ModelReaderOptions, { prompt, request, call, attempt }: Question): Promise<Completion> {
  const limit = options.model.includes('gpt')
    ? { max_completion_tokens: request.maxTokens }
    : { max_tokens: request.maxTokens };
  return options.client.chat.completions.create(
    { model: options.model, messages: [{ role: 'user', content: prompt }], temperature: 1, ...limit },
    {
      signal: call.signal,
      timeout: options.timeoutMs ?? 300_000,
      maxRetries: 0,
      // A cut prompt is another request, and must not be taken for the first.
      headers: { 'Idempotency-Key': attempt === 1 ? call.stepKey : `${call.stepKey}-${attempt}` },
    },
  );
}

function toExtraction(completion: Completion, model: string): { text: string; model: string; usage: TokenUsage } {
  // Servers that call themselves compatible leave fields out that the type promises.
  const content: string | null | undefined = completion.choices?.[0]?.message?.content;
  const text = stripThinking(content ?? '').trim();
  if (text === '') throw new AppError('Model.Failed', { what: `the reader model ${model} answered nothing` });
  return { text, model: completion.model || model, usage: toUsage(completion) };
}

/** Without the reasoning before the answer; its opening tag may be part of the chat template and so be missing. */
function stripThinking(content: string): string {
  const body = content.trimStart();
  const end = body.indexOf('</think>');
  const start = body.indexOf('<think>');
  if (start === 0) return end === -1 ? '' : body.slice(end + '</think>'.length);
  return end !== -1 && start === -1 ? body.slice(end + '</think>'.length) : body;
}

function toUsage({ usage }: Completion): TokenUsage {
  if (usage === undefined || usage === null) return noUsage;
  return {
    inputTokens: usage.prompt_tokens,
    outputTokens: usage.completion_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
  };
}

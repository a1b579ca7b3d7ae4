import { z } from 'zod';

import { AppError } from '../../../domain/errors.ts';
import type { SearchHit, SearchPort, SearchRequest, SearchResult } from '../ports.ts';
import { toRetryAfterMs } from './retry-after.ts';

/** How Serper is reached. */
export interface SerperOptions {
  /** Sent as `X-API-KEY`; found in no error. */
  readonly apiKey: string;
  /** Default `https://google.serper.dev`. */
  readonly baseUrl?: string;
  /** Default 10,000. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

const hitSchema = z.looseObject({
  title: z.string(),
  link: z.string(),
  snippet: z.string().optional(),
  position: z.number().optional(),
});

const answerSchema = z.looseObject({
  organic: z.array(hitSchema).default([]),
  searchParameters: z.record(z.string(), z.unknown()).default({}),
});

const refusalSchema = z.looseObject({ message: z.string() });

/**
 * Google's results through Serper: one POST a search, never repeated here.
 *
 * *Source:* `POST /search` of google.serper.dev; of its answer only `organic` and `searchParameters` are passed on.
 */
export function createSerperSearch(options: SerperOptions): SearchPort {
  const endpoint = `${(options.baseUrl ?? 'https://google.serper.dev').replace(/\/+$/, '')}/search`;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const send = options.fetch ?? globalThis.fetch;

  return {
    search: async (request, call) => {
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        const response = await send(endpoint, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-api-key': options.apiKey, 'idempotency-key': call.stepKey },
          body: JSON.stringify(toBody(request)),
          signal: AbortSignal.any([call.signal, deadline]),
          redirect: 'error',
        });
        const text = await response.text();
        if (!response.ok) throw toRefusal(response, text);
        return toResult(text);
      } catch (error) {
        call.signal.throwIfAborted();
        if (error instanceof AppError) throw error;
        throw deadline.aborted ? noAnswer(`no answer within ${timeoutMs} ms`) : noAnswer(toCode(error));
      }
    },
  };
}

function toBody(request: SearchRequest): Record<string, unknown> {
  return { ...request, gl: request.gl ?? 'us', hl: request.hl ?? 'en', num: request.num ?? 10 };
}

function toResult(text: string): SearchResult {
  const answer = answerSchema.safeParse(parseJson(text));
  if (!answer.success) {
    throw new AppError('Tool.Failed', {
      what: 'the search provider answered something that is no search result',
      mend: 'Try again, or another query.',
    });
  }
  const { organic, searchParameters } = answer.data;
  return { organic: organic.filter(({ link }) => isWebLink(link)).map(toHit), searchParameters };
}

function toHit(hit: z.infer<typeof hitSchema>): SearchHit {
  const { snippet, position, ...rest } = hit;
  return { ...rest, ...(snippet === undefined ? {} : { snippet }), ...(position === undefined ? {} : { position }) };
}

function isWebLink(link: string): boolean {
  return /^https?:\/\//i.test(link) && URL.canParse(link);
}

/** The provider's own text goes no further than being looked at for the word that tells an empty account from a bad request. */
function toRefusal(response: Response, text: string): AppError {
  const { status } = response;
  const message = refusalSchema.safeParse(parseJson(text));
  const isOutOfCredit = message.success && /credit|quota|balance/i.test(message.data.message);
  if (status === 401 || status === 402 || status === 403 || isOutOfCredit) {
    return new AppError('Tool.QuotaExhausted', {
      what: isOutOfCredit
        ? `the search account has no credit left (status ${status})`
        : `the search provider refused the key (status ${status})`,
      mend: 'Check the search key and its account.',
    });
  }
  const retryAfterMs = toRetryAfterMs(response.headers.get('retry-after'));
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429)
    return new AppError('Tool.RateLimited', { what: 'the search provider asks to slow down', ...wait });
  if (status >= 500 || status === 408)
    return new AppError('Tool.Unavailable', { what: `the search provider answered with status ${status}`, ...wait });
  return new AppError('Tool.Failed', {
    what: `the search provider refused the request with status ${status}`,
    mend: 'Change the query.',
  });
}

/** No cause is attached: what a fetch fails with may quote the headers. */
function noAnswer(why: string): AppError {
  return new AppError('Tool.Unavailable', {
    what: `the search provider could not be reached (${why})`,
    mend: 'Try again later.',
  });
}

function toCode(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : undefined;
  if (!(cause instanceof Error)) return 'connection failed';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

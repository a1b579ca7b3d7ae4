import { AppError, type FailureFacts, type FailureType } from '../../../../domain/errors.ts';
import type { SearchHit, SearchPort, SearchRequest, SearchResult } from '../../ports.ts';
import { toRetryAfterMs } from '../retry-after.ts';

/** How a provider is reached. */
export interface ProviderSettings {
  /** Found in no error. */
  readonly apiKey: string;
  /** The provider's public address when left out. */
  readonly baseUrl?: string;
  /** Default 10,000. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

/** One HTTP request to a provider. */
export interface ProviderCall {
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers: Readonly<Record<string, string>>;
  /** A POST when there is one, else a GET. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** What a provider's answer says. */
export interface ProviderAnswer {
  /** As found; what is no web address is dropped, and positions are given where there are none. */
  readonly hits: readonly Omit<SearchHit, 'position'>[];
  readonly searchParameters: Readonly<Record<string, unknown>>;
}

/** Why a provider did not search. */
export type ProviderRefusal = 'auth' | 'quota' | 'rate' | 'refused' | 'unavailable';

/** An answer that is none: status, headers and the JSON of its body, null when that is none. */
export interface ProviderError {
  readonly status: number;
  readonly headers: Headers;
  readonly json: unknown;
}

/** One provider: how a search is asked for, and how its answers are understood. */
export interface SearchProvider {
  readonly name: string;
  readonly baseUrl: string;
  readonly toCall: (request: SearchRequest, apiKey: string) => ProviderCall;
  /** Null when the answer is no search result. Throws an `AppError` for a failure that looks like one. */
  readonly toAnswer: (json: unknown, request: SearchRequest) => ProviderAnswer | null;
  /** What this provider says in its own way; null for what its status says. */
  readonly toRefusal: (error: ProviderError) => ProviderRefusal | null;
}

const maxBytes = 8 * 1024 * 1024;
const defaultTimeoutMs = 10_000;

/**
 * Search with a provider: exactly one request a search, never repeated here, no redirect followed. An empty list is a result.
 *
 * Throws `Tool.Auth`, `Tool.QuotaExhausted`, `Tool.RateLimited` (with the wait that was asked for), `Tool.Refused`, `Tool.Unavailable` or
 * `Tool.Failed` (an answer that is none). The provider's own words go no further than being looked at.
 */
export function createProviderSearch(provider: SearchProvider, settings: ProviderSettings): SearchPort {
  const base = (settings.baseUrl ?? provider.baseUrl).replace(/\/+$/, '');
  const timeoutMs = settings.timeoutMs ?? defaultTimeoutMs;
  const send = settings.fetch ?? globalThis.fetch;
  return {
    search: async (request, call) => {
      const deadline = AbortSignal.timeout(timeoutMs);
      const asked = provider.toCall(request, settings.apiKey);
      try {
        const response = await send(toUrl(base, asked), {
          ...toInit(asked, call.stepKey),
          signal: AbortSignal.any([call.signal, deadline]),
          redirect: 'error',
        });
        const json = parseJson(await readCapped(response));
        if (!response.ok) throw toFailure(provider, { status: response.status, headers: response.headers, json });
        return toResult(provider, json, request);
      } catch (error) {
        call.signal.throwIfAborted();
        if (error instanceof AppError) throw error;
        // No cause is attached: what a fetch fails with may quote the headers.
        const why = deadline.aborted ? `no answer within ${timeoutMs} ms` : toCode(error);
        throw toRefused('unavailable', { what: `search provider ${provider.name} could not be reached (${why})` });
      }
    },
  };
}

function toUrl(base: string, { path, query = {} }: ProviderCall): string {
  const url = new URL(base + path);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
  return url.href;
}

function toInit({ headers, body }: ProviderCall, stepKey: string): RequestInit {
  const common = { accept: 'application/json', 'idempotency-key': stepKey, ...headers };
  if (body === undefined) return { method: 'GET', headers: common };
  return { method: 'POST', headers: { 'content-type': 'application/json', ...common }, body: JSON.stringify(body) };
}

async function readCapped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of toBytes(response)) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new AppError('Tool.Failed', { what: `the search provider answered more than ${maxBytes} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A response without a body has nothing to read. */
function toBytes(response: Response): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
  return response.body ?? [];
}

function toResult(provider: SearchProvider, json: unknown, request: SearchRequest): SearchResult {
  const answer = provider.toAnswer(json, request);
  if (answer === null) {
    throw new AppError('Tool.Failed', {
      what: `the search provider ${provider.name} answered something that is no search result`,
      mend: 'Try again, or another query.',
    });
  }
  const hits = answer.hits.filter(({ link }) => /^https?:\/\//i.test(link) && URL.canParse(link));
  return {
    organic: hits.map((hit, index) => ({ position: index + 1, ...hit })),
    searchParameters: answer.searchParameters,
  };
}

const refusals: Readonly<Record<ProviderRefusal, { readonly type: FailureType; readonly mend: string }>> = {
  auth: { type: 'Tool.Auth', mend: 'Check the search key.' },
  quota: { type: 'Tool.QuotaExhausted', mend: 'Check the account of the search key.' },
  rate: { type: 'Tool.RateLimited', mend: 'Ask more slowly.' },
  refused: { type: 'Tool.Refused', mend: 'Change the query.' },
  unavailable: { type: 'Tool.Unavailable', mend: 'Try again later.' },
};

function toRefused(refusal: ProviderRefusal, facts: FailureFacts): AppError {
  const { type, mend } = refusals[refusal];
  return new AppError(type, { mend, ...facts });
}

function toFailure(provider: SearchProvider, error: ProviderError): AppError {
  const refusal = provider.toRefusal(error) ?? ofStatus(error.status);
  const retryAfterMs = toRetryAfterMs(error.headers.get('retry-after'));
  const canWait = refusal === 'rate' || refusal === 'unavailable';
  const what = `search provider ${provider.name} answered with status ${error.status}`;
  return toRefused(refusal, canWait && retryAfterMs !== undefined ? { what, retryAfterMs } : { what });
}

function ofStatus(status: number): ProviderRefusal {
  if (status === 401 || status === 403) return 'auth';
  if (status === 402) return 'quota';
  if (status === 429) return 'rate';
  return status === 408 || status >= 500 ? 'unavailable' : 'refused';
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

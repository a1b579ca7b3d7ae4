import type { TokenUsage } from '../../domain/usage.ts';

/** What every outgoing call of a web tool gets. */
export interface WebCallOptions {
  /** Aborted when the step is cancelled or out of time; the call then rejects at once. */
  readonly signal: AbortSignal;
  /** Names the step to the receiver, for its log and its deduplication (`Idempotency-Key`). */
  readonly stepKey: string;
}

/** Parameters of `google_search` as the model gives them. Source: MiroThinker protocol §6.1. */
export interface SearchRequest {
  readonly q: string;
  readonly gl?: string | undefined;
  readonly hl?: string | undefined;
  readonly location?: string | undefined;
  readonly num?: number | undefined;
  readonly tbs?: string | undefined;
  readonly page?: number | undefined;
  readonly autocorrect?: boolean | undefined;
}

/** One organic hit. Other fields of a provider pass through. */
export interface SearchHit {
  readonly title: string;
  readonly link: string;
  readonly snippet?: string;
  readonly position?: number;
  /** When it was published, as the provider writes it. */
  readonly date?: string;
}

/** What a provider found; an empty list is a result, not a failure. */
export interface SearchResult {
  readonly organic: readonly SearchHit[];
  readonly searchParameters: Readonly<Record<string, unknown>>;
}

/**
 * A search provider. One call is one request to it: whether to ask again, without quotes or elsewhere, is the caller's decision.
 *
 * Throws `Tool.Auth`, `Tool.QuotaExhausted`, `Tool.RateLimited`, `Tool.Refused`, `Tool.Unavailable` or `Tool.Failed`.
 */
export interface SearchPort {
  readonly search: (request: SearchRequest, options: WebCallOptions) => Promise<SearchResult>;
}

/** A link of a page's text. */
export interface PageLink {
  readonly text: string;
  readonly url: string;
}

/** A fetched page, converted to text: with its bytes the snapshot that citations are checked against. */
export interface Page {
  /** Where the redirects ended. */
  readonly finalUrl: string;
  /** Of the last answer; null when whoever fetched it for us does not tell. */
  readonly status: number | null;
  readonly contentType: string;
  /** Who asked the site: we, or a reading service. */
  readonly via: 'direct' | 'jina';
  /** When it arrived, in milliseconds of the epoch. */
  readonly fetchedAtMs: number;
  /** Null when the page names none. */
  readonly title: string | null;
  /** Its main text: Markdown for HTML and documents, the decoded text otherwise. */
  readonly text: string;
  /** The links in `text`, each address once. */
  readonly links: readonly PageLink[];
  /** Is `text` shorter than the page? */
  readonly truncated: boolean;
  /** The bytes as received, after content decoding; null when they never came here. */
  readonly raw: Uint8Array | null;
}

/**
 * Fetches a page and converts it.
 *
 * Throws `Tool.Blocked` (address), `Tool.Timeout`, `Tool.Failed` (status, too large, unreadable) or `Tool.Unavailable`.
 */
export interface PagePort {
  readonly read: (
    request: { readonly url: string; readonly headers?: Readonly<Record<string, string>> },
    options: WebCallOptions,
  ) => Promise<Page>;
}

/** What the reader model, or the extractive fallback, drew from a page. */
export interface Extraction {
  readonly text: string;
  /** Name of the model, or `extractive` when none was asked. */
  readonly model: string;
  readonly usage: TokenUsage;
}

/** Draws the wanted information from a page's text. Throws the `Model.*` failures. */
export interface ReaderPort {
  readonly extract: (
    request: { readonly text: string; readonly wanted: string; readonly maxTokens: number },
    options: WebCallOptions,
  ) => Promise<Extraction>;
}

import { type Agent, request as undiciRequest } from 'undici';

import { toPort } from '../../../domain/addresses/judge-url.ts';
import { AppError } from '../../../domain/errors.ts';
import { sortPageHeaders } from '../page-headers.ts';
import type { Page, PagePort, WebCallOptions } from '../ports.ts';
import { abortable } from './abortable.ts';
import { type AddressGuard, toBlocked } from './address-guard.ts';
import { createGuardedAgent, type OpenSocket } from './guarded-agent.ts';
import { acceptEncoding, readPackedBody } from './page-body.ts';
import { toFetchError, toStatusError } from './page-errors.ts';
import type { PageParser } from './page-parser.ts';

/** What a page reader is made of. */
export interface PageReaderOptions {
  readonly guard: AddressGuard;
  readonly userAgent: string;
  /** Of the body once unpacked. Default 8 MiB. */
  readonly maxBytes?: number;
  /** For the whole page: names, redirects, body. Default 20,000. */
  readonly timeoutMs?: number;
  readonly parser: PageParser;
  /** Opens checked sockets; for tests. */
  readonly open?: OpenSocket;
}

/** Reads pages; `close` ends its connections, not its parser. */
export type PageReader = PagePort & { readonly close: () => Promise<void> };

const maxRedirects = 5;
/** What is not among them has no text. */
const readableKinds: ReadonlySet<string> = new Set(['html', 'pdf', 'office', 'text', 'json']);
const redirectStatuses = [301, 302, 303, 307, 308];
const defaultHeaders = {
  accept: 'text/html,application/xhtml+xml,application/pdf;q=0.9,text/plain;q=0.9,application/json;q=0.9,*/*;q=0.5',
  'accept-language': 'en;q=0.9,*;q=0.5',
};

/**
 * Creates the page reader: every hop is judged by the guard before it is requested and again when it is connected.
 *
 * *Contract:* no cookie, credential or proxy is ever used; of the request's headers only the allowed ones are sent. The step's key goes
 * to hosts of the allow list only, never to a foreign one.
 */
export function createPageReader(options: PageReaderOptions): PageReader {
  const agent = createGuardedAgent({ guard: options.guard, open: options.open });
  const timeoutMs = options.timeoutMs ?? 20_000;

  const read: PagePort['read'] = async (request, call) => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    const signal = AbortSignal.any([call.signal, deadline.signal]);
    const { kept } = sortPageHeaders(request.headers ?? {});
    const headers = { ...defaultHeaders, 'user-agent': options.userAgent, ...kept };
    try {
      const fetched = await fetchPage({ ...options, agent, headers, call, signal }, request.url);
      const { finalUrl, contentType, raw } = fetched;
      const parsed = await options.parser.parse({ bytes: raw, contentType, url: finalUrl }, call.signal);
      if (!readableKinds.has(parsed.kind)) throw unreadable(parsed.mediaType);
      const { title, markdown: text, links, truncated } = parsed;
      return { ...fetched, title, text, links, truncated };
    } catch (error) {
      call.signal.throwIfAborted();
      if (deadline.signal.aborted && !(error instanceof AppError)) {
        throw new AppError('Tool.Timeout', {
          field: 'url',
          what: `the page did not arrive within ${timeoutMs} ms`,
          mend: 'Try another source.',
        });
      }
      throw toFetchError(error);
    } finally {
      clearTimeout(timer);
    }
  };
  return { read, close: () => agent.destroy() };
}

interface FetchContext {
  readonly guard: AddressGuard;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  readonly call: WebCallOptions;
  readonly signal: AbortSignal;
  readonly maxBytes?: number;
}

type FetchedPage = Pick<Page, 'finalUrl' | 'status' | 'contentType' | 'via' | 'fetchedAtMs'> & {
  readonly raw: Uint8Array;
};

async function fetchPage(context: FetchContext, address: string): Promise<FetchedPage> {
  let target = judged(context.guard, address);
  for (let hop = 0; hop <= maxRedirects; hop += 1) {
    const answer = await fetchHop(context, target);
    if (!('location' in answer)) return answer;
    target = toNextHop(context.guard, target, answer.location);
  }
  throw new AppError('Tool.Failed', {
    field: 'url',
    what: `the page redirects more than ${maxRedirects} times`,
    mend: 'Try another source.',
  });
}

async function fetchHop(context: FetchContext, url: URL): Promise<FetchedPage | { readonly location: string }> {
  context.signal.throwIfAborted();
  const isOurs = context.guard.isExempt(url.hostname.replaceAll(/[[\]]/g, ''), toPort(url));
  const requested = undiciRequest(url, {
    method: 'GET',
    headers: {
      ...context.headers,
      'accept-encoding': acceptEncoding,
      ...(isOurs ? { 'idempotency-key': context.call.stepKey } : {}),
    },
    dispatcher: context.agent,
    signal: context.signal,
  });
  // A request that waits for its connection, or for its name to be resolved, is deaf to its signal.
  const response = await abortable(requested, context.signal);
  const isGood = response.statusCode >= 200 && response.statusCode < 300;
  if (!isGood) discard(response.body);
  if (redirectStatuses.includes(response.statusCode)) return { location: toHeader(response.headers['location']) };
  if (!isGood) throw toStatusError(response.statusCode, toHeader(response.headers['retry-after']));
  const raw = await readPackedBody({
    stream: response.body,
    contentEncoding: toHeader(response.headers['content-encoding']),
    maxBytes: context.maxBytes ?? 8 * 1024 * 1024,
  });
  return {
    finalUrl: url.href,
    status: response.statusCode,
    contentType: toHeader(response.headers['content-type']),
    via: 'direct',
    fetchedAtMs: Date.now(),
    raw,
  };
}

/** Ends a body that nobody reads; the connection goes with it. */
function discard(body: {
  readonly on: (event: 'error', listener: () => void) => unknown;
  readonly destroy: () => unknown;
}): void {
  body.on('error', () => {});
  body.destroy();
}

/**
 * Where a redirect leads.
 *
 * @throws AppError `Tool.Blocked` when the guard refuses it or it leaves https; `Tool.Failed` when there is no location.
 */
export function toNextHop(guard: AddressGuard, from: URL, location: string): URL {
  if (location === '')
    throw new AppError('Tool.Failed', { field: 'url', what: `${from.host} redirects without saying where to` });
  const next = judged(guard, location, from);
  if (from.protocol === 'https:' && next.protocol === 'http:') throw toBlocked(next.href, 'redirect');
  return next;
}

function judged(guard: AddressGuard, url: string, base?: URL): URL {
  const verdict = guard.judge(url, base);
  if (!verdict.allowed) throw toBlocked(url, verdict.reason);
  return verdict.url;
}

function unreadable(mediaType: string): AppError {
  return new AppError('Tool.Failed', {
    field: 'url',
    what: `a page of type ${JSON.stringify(mediaType.slice(0, 100))} cannot be read`,
    mend: 'Pages, PDF and office documents, text and JSON can; try another source.',
  });
}

/** A header as one text; of several the first counts. */
function toHeader(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

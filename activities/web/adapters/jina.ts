import { z } from 'zod';

import { toPort } from '../../../domain/addresses/judge-url.ts';
import { AppError } from '../../../domain/errors.ts';
import type { Page, PagePort } from '../ports.ts';
import { type AddressGuard, toBlocked } from './address-guard.ts';
import { toRetryAfterMs } from './retry-after.ts';

/** How the Jina reader is reached. */
export interface JinaOptions {
  /** Judges every page before its address is given away. */
  readonly guard: AddressGuard;
  /** Sent as a bearer token; found in no error. Without one the service is slow and counted by address. */
  readonly apiKey: string | null;
  /** Default `https://r.jina.ai`. */
  readonly baseUrl?: string;
  /** For the whole answer. Default 60,000. *Source:* MiroThinker protocol §6.2. */
  readonly timeoutMs?: number;
  readonly fetch?: typeof globalThis.fetch;
}

const maxBytes = 16 * 1024 * 1024;

const answerSchema = z.looseObject({
  data: z.looseObject({ title: z.string().nullish(), content: z.string(), url: z.string().nullish() }),
});
const refusalSchema = z.looseObject({ name: z.string().optional(), message: z.string().optional() });

/**
 * Reads pages through the Jina reader: one request a page, never repeated here. It sees the page as a browser does, and gives its text; the
 * bytes never come here, so there is nothing raw to keep.
 *
 * *Contract:* a URL that the guard refuses is never told to the service. Headers of the model are not passed on.
 *
 * *Source:* `GET /{url}` of r.jina.ai with `Accept: application/json`.
 */
export function createJinaReader(options: JinaOptions): PagePort {
  const base = (options.baseUrl ?? 'https://r.jina.ai').replace(/\/+$/, '');
  const timeoutMs = options.timeoutMs ?? 60_000;
  const send = options.fetch ?? globalThis.fetch;
  return {
    read: async ({ url }, call) => {
      const target = await judged(options.guard, url);
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        const response = await send(`${base}/${target.href}`, {
          headers: {
            accept: 'application/json',
            ...(options.apiKey === null ? {} : { authorization: `Bearer ${options.apiKey}` }),
          },
          signal: AbortSignal.any([call.signal, deadline]),
          redirect: 'error',
        });
        const text = await readCapped(response);
        if (!response.ok) throw toRefusal(response, text);
        return toPage(text, target);
      } catch (error) {
        call.signal.throwIfAborted();
        if (error instanceof AppError) throw error;
        throw unavailable(deadline.aborted ? `no answer within ${timeoutMs} ms` : 'the connection failed');
      }
    },
  };
}

/** The whole judgement, names resolved: the service would connect from elsewhere, but it is told no address that we would refuse. */
async function judged(guard: AddressGuard, text: string): Promise<URL> {
  const { allowed, reason, url } = await guard.check(text);
  if (!allowed || url === null || reason !== 'ok') throw toBlocked(text, reason === 'ok' ? 'parse' : reason);
  // What only this installation may reach, the service cannot.
  const host = url.hostname.replaceAll(/[[\]]/g, '');
  if (guard.isExempt(host, toPort(url))) throw toBlocked(text, 'literal');
  return url;
}

async function readCapped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of toBytes(response)) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new AppError('Tool.Failed', { what: `the reader answered more than ${maxBytes} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A response without a body has nothing to read. */
function toBytes(response: Response): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
  return response.body ?? [];
}

function toPage(text: string, target: URL): Page {
  const answer = answerSchema.safeParse(parseJson(text));
  if (!answer.success) {
    throw new AppError('Tool.Failed', {
      what: 'the reader answered something that is no page',
      mend: 'Try again, or another source.',
    });
  }
  const { title, content, url } = answer.data.data;
  return {
    finalUrl: typeof url === 'string' && URL.canParse(url) ? url : target.href,
    status: null,
    contentType: 'text/markdown',
    via: 'jina',
    fetchedAtMs: Date.now(),
    title: title === undefined || title === null || title.trim() === '' ? null : title.trim().slice(0, 1000),
    text: content.toWellFormed(),
    links: [],
    truncated: false,
    raw: null,
  };
}

/** An empty account is told in the body, with whatever status. */
function toRefusal({ status, headers }: Response, text: string): AppError {
  const refusal = refusalSchema.safeParse(parseJson(text));
  const isBroke = refusal.success && /InsufficientBalance/i.test(`${refusal.data.name} ${refusal.data.message}`);
  if (isBroke || status === 401 || status === 402) {
    return new AppError('Tool.QuotaExhausted', {
      what: isBroke ? 'the reader account has no balance left' : `the reader refused the key (status ${status})`,
      mend: 'Check the key of the reader and its account.',
    });
  }
  const retryAfterMs = toRetryAfterMs(headers.get('retry-after'));
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429)
    return new AppError('Tool.RateLimited', { what: 'the reader asked to wait (status 429)', ...wait });
  if (status >= 500 || status === 408) return unavailable(`status ${status}`);
  return new AppError('Tool.Failed', {
    field: 'url',
    what: `the reader could not read the page (status ${status})`,
    mend: 'Try another source.',
  });
}

function unavailable(why: string): AppError {
  return new AppError('Tool.Unavailable', {
    what: `the reader is not to be reached (${why})`,
    mend: 'Try again later.',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

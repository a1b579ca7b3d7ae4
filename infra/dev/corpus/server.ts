import type { ServerResponse } from 'node:http';
import { headerOf, startHttpServer } from '../http-server/http-server.ts';
import { toContentsHtml, toHtml } from './html.ts';
import { type CorpusPage, loadPages } from './pages.ts';

/** One request that the corpus server received. */
export interface CorpusRequest {
  readonly url: string;
  /** `Idempotency-Key` of the request. */
  readonly stepKey: string | null;
  readonly at: string;
}

/** A running corpus server. */
export interface CorpusServer {
  /** `address:port`, as {@link loadPages} takes it. */
  readonly host: string;
  readonly url: string;
  readonly pages: number;
  readonly requests: () => readonly CorpusRequest[];
  readonly close: () => Promise<void>;
}

function sendHtml(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(html) });
  response.end(html);
}

/** The title that a path names, or null when it names none or is badly encoded. */
function titleOf(path: string): string | null {
  if (!path.startsWith('/wiki/')) return null;
  try {
    return decodeURIComponent(path.slice('/wiki/'.length));
  } catch {
    return null;
  }
}

interface Library {
  readonly pages: readonly CorpusPage[];
  readonly byTitle: ReadonlyMap<string, CorpusPage>;
  readonly titles: ReadonlySet<string>;
}

function respond(response: ServerResponse, path: string, library: Library): void {
  if (path === '/') return sendHtml(response, 200, toContentsHtml(library.pages));
  const page = library.byTitle.get(titleOf(path) ?? '');
  if (page !== undefined) return sendHtml(response, 200, toHtml(page, library.titles));
  return sendHtml(response, 404, '<!doctype html><title>Not found</title><h1>There is no such page.</h1>');
}

/** Serves every page of a `pages.jsonl` as HTML under `/wiki/<encoded title>`. Throws `Config.Invalid` for a bad file. */
export async function startCorpusServer(options: {
  readonly pagesFile: string;
  readonly port?: number;
}): Promise<CorpusServer> {
  // Read before anything listens; the host is no part of what is served.
  const pages = loadPages(options.pagesFile, 'corpus');
  const byTitle = new Map(pages.map((page) => [page.title, page]));
  const library = { pages, byTitle, titles: new Set(byTitle.keys()) };
  const requests: CorpusRequest[] = [];
  const server = await startHttpServer({
    port: options.port,
    handle: async (request, response) => {
      const url = request.url ?? '/';
      requests.push({ url, stepKey: headerOf(request, 'idempotency-key'), at: new Date().toISOString() });
      respond(response, new URL(url, 'http://corpus').pathname, library);
    },
  });
  const host = `${server.host}:${server.port}`;
  return { host, url: `http://${host}`, pages: pages.length, requests: () => requests.slice(), close: server.close };
}

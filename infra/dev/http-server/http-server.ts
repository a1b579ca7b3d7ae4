import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** A running server on loopback. */
export interface HttpServer {
  readonly host: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

interface HttpServerOptions {
  readonly port?: number | undefined;
  readonly host?: '127.0.0.1' | undefined;
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
}

/** Longest request body that the development servers take. */
const maxBodyBytes = 64 * 1024 * 1024;

/** Serves `handle` on loopback; port 0 or none picks a free one. A handler that throws answers 500 with its message. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const host = options.host ?? '127.0.0.1';
  const server = createServer((request, response) => {
    options.handle(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: error instanceof Error ? error.message : String(error) } });
    });
  });
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
  return {
    host,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The whole body; `complete` is false when the client went away before its end. */
export async function readBody(request: IncomingMessage): Promise<{ bytes: Buffer; complete: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      length += bytes.length;
      if (length > maxBodyBytes) return { bytes: Buffer.concat(chunks), complete: false };
      chunks.push(bytes);
    }
  } catch {
    return { bytes: Buffer.concat(chunks), complete: false };
  }
  return { bytes: Buffer.concat(chunks), complete: request.complete };
}

/** Answers with one JSON value. */
export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** Answers with plain text. */
export function sendText(response: ServerResponse, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length });
  response.end(body);
}

/** A header's value, or null. */
export function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A signal that aborts when the client goes away before the answer's end. */
export function clientSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { AppError } from '../domain/errors.ts';
import type { ApiEnv } from './http/api-env.ts';
import { problemResponse } from './http/problem.ts';

/** A server that listens. */
export interface ApiServer {
  readonly port: number;
  /** Ends open connections and waits until the port is free. Idempotent. */
  readonly close: () => Promise<void>;
}

/** Longest head of a request. */
const maxHeaderBytes = 32 * 1024;
/** A request that is not read in this time is given up. */
const requestMs = 30_000;

/** Addresses that only programs of this machine reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/u.test(host);
}

/** A request that is none before it reaches a route: its Host or its path cannot be read. */
function answerUnreadable(): Response {
  return problemResponse({
    type: 'urn:longhaul:problem:invalid_request',
    title: 'not a request',
    status: 400,
    detail: 'The Host header or the path of this request cannot be read.',
    instance: '',
    code: 'invalid_request',
    errors: [],
  });
}

/** Listens on a loopback address. @throws AppError `Config.Invalid` when the port is taken, or the address is none of ours */
export async function serveApi(app: Hono<ApiEnv>, host: string, port: number): Promise<ApiServer> {
  const listener = getRequestListener(app.fetch, { errorHandler: answerUnreadable });
  const server = createServer(
    { maxHeaderSize: maxHeaderBytes, requestTimeout: requestMs, headersTimeout: requestMs },
    (request, response) => void listener(request, response),
  );
  await listen(server, { host, port });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  let closing: Promise<void> | null = null;
  const close = () =>
    (closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }));
  return { port: bound, close };
}

function listen(server: Server, place: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: Error) => {
      const isTaken = 'code' in cause && cause.code === 'EADDRINUSE';
      reject(
        new AppError('Config.Invalid', {
          field: 'LONGHAUL_API_PORT',
          what: isTaken
            ? `port ${place.port} of the API is in use by another process`
            : `the API cannot listen on ${place.host}:${place.port} (${cause.message})`,
          mend: isTaken
            ? `End that process (ss -ltnp 'sport = :${place.port}' names it), or choose another port with LONGHAUL_API_PORT.`
            : 'Set LONGHAUL_API_HOST and LONGHAUL_API_PORT.',
          cause,
        }),
      );
    });
    server.listen({ ...place, exclusive: true }, resolve);
  });
}

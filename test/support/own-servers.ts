import { createServer, type RequestListener, type Server } from 'node:http';

/** A server that must never be reached through a tool, and one that may be and sends whoever asks to another address. */
export interface OwnServers {
  /** `host:port` spellings of the forbidden server. */
  readonly forbidden: readonly string[];
  /** `ip:port` of the redirecting server, for the allow list. */
  readonly redirector: string;
  /** An address on the redirecting server that leads to `host`. */
  readonly redirectTo: (host: string) => string;
  /** Requests that reached the forbidden server. */
  readonly reached: () => number;
  readonly close: () => Promise<void>;
}

async function listen(listener: RequestListener): Promise<{ server: Server; port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Starts both servers on loopback. */
export async function openOwnServers(): Promise<OwnServers> {
  let count = 0;
  const forbidden = await listen((_request, response) => {
    count += 1;
    response.end('not for a page reader');
  });
  const redirector = await listen((request, response) => {
    const host = new URL(request.url ?? '/', 'http://redirector').searchParams.get('host') ?? '';
    response.writeHead(302, { location: `http://${host}/` }).end();
  });
  return {
    forbidden: [`127.0.0.1:${forbidden.port}`, `localhost:${forbidden.port}`, `[::1]:${forbidden.port}`],
    redirector: `127.0.0.1:${redirector.port}`,
    redirectTo: (host) => `http://127.0.0.1:${redirector.port}/?host=${encodeURIComponent(host)}`,
    reached: () => count,
    close: async () => {
      await Promise.all([close(forbidden.server), close(redirector.server)]);
    },
  };
}

import { createServer, type IncomingMessage, type RequestListener } from 'node:http';

/** A real HTTP server on a free port of 127.0.0.1. */
export interface LocalServer {
  readonly port: number;
  readonly origin: string;
  /** Every request received, in order. */
  readonly requests: readonly {
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[];
  /** Bare connections, whether or not a request came. */
  readonly connections: () => number;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

export async function startServer(handler: RequestListener): Promise<LocalServer> {
  const requests: { url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() });
      handler(request, response);
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a TCP server');
  const { port } = address;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    requests,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** What every call of a port is given. */
export function aCall(signal: AbortSignal = new AbortController().signal): { signal: AbortSignal; stepKey: string } {
  return { signal, stepKey: 'step-key-1' };
}

/** What `promise` fails with; fails the test when it does not. */
export async function failureOf(promise: Promise<unknown>): Promise<Error & { type?: string }> {
  const result = await promise.then(
    (value) => new TypeError(`expected a failure, got ${JSON.stringify(value)?.slice(0, 200)}`),
    (error: unknown) => error,
  );
  if (result instanceof Error) return result;
  throw new TypeError('expected an Error');
}

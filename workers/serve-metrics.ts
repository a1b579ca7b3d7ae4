import { createServer, type ServerResponse } from 'node:http';

/** Longest wait for the engine core's own metrics, in milliseconds. */
const engineMs = 1_000;

async function readEngine(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(engineMs) });
    return await response.text();
  } catch {
    return '';
  }
}

/**
 * The port at which all metrics of this worker are read: the engine core's, and those of its pools.
 *
 * Without any of their own the core's port is it, and no further server is needed.
 */
export async function serveMetrics(enginePort: number, own: readonly (() => Promise<string>)[]): Promise<number> {
  if (own.length === 0) return enginePort;
  const answer = async (response: ServerResponse): Promise<void> => {
    const texts = await Promise.all([readEngine(enginePort), ...own.map((read) => read())]);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(texts.join('\n'));
  };
  const server = createServer((_request, response) => void answer(response));
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (typeof address === 'object' && address !== null) return address.port;
  throw new TypeError('the metrics have no port');
}

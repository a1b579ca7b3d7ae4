import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** What happens to one request on its way. */
export type Fault =
  /** The server does what it is asked, and the answer never arrives. */
  | 'execute-and-reset'
  /** The connection is reset before the server hears of it. */
  | 'reset'
  /** No answer, ever. */
  | 'hang'
  /** The answer's body arrives with one bit flipped. */
  | 'flip'
  /** The answer's body breaks off half way. */
  | 'truncate'
  /** Another answer, without asking the server. */
  | { readonly status: number; readonly body?: string };

/** A proxy before the S3 server whose faults a test chooses. */
export interface FaultyProxy {
  readonly endpoint: string;
  /** `GET /bucket/key` and so on, in order of arrival. */
  readonly requests: string[];
  /** Decides for each request; undefined passes it on. */
  fault: (method: string, path: string) => Fault | undefined;
  readonly close: () => Promise<void>;
  /** Listens again on the same port. */
  readonly reopen: () => Promise<void>;
}

export async function startFaultyProxy(upstream: string): Promise<FaultyProxy> {
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const [method, path] = [incoming.method ?? '', incoming.url ?? ''];
    proxy.requests.push(`${method} ${path}`);
    const fault = proxy.fault(method, path);
    if (fault === 'hang') return;
    if (fault === 'reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    const body = await buffer(incoming);
    if (typeof fault === 'object') {
      outgoing.writeHead(fault.status, { 'content-type': 'application/xml' }).end(fault.body ?? '');
      return;
    }
    const answer = await forward(new URL(path, upstream), incoming, body);
    if (fault === 'execute-and-reset') {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault === 'flip') answer.body[answer.body.byteLength >> 1]! ^= 1;
    outgoing.writeHead(answer.status, [...answer.headers]);
    if (fault !== 'truncate') {
      outgoing.end(answer.body);
      return;
    }
    outgoing.write(answer.body.subarray(0, answer.body.byteLength >> 1), () => incoming.socket.resetAndDestroy());
  };
  const listen = async (port: number): Promise<number> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return address.port;
  };
  const port = await listen(0);
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${port}`,
    requests: [],
    fault: () => undefined,
    close: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    reopen: async () => void (await listen(port)),
  };
  return proxy;
}

interface Answer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

async function forward(url: URL, incoming: IncomingMessage, body: Buffer): Promise<Answer> {
  const outgoing = request(url, { method: incoming.method ?? 'GET', headers: incoming.headers, agent: false });
  outgoing.end(body);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  return { status: answer.statusCode ?? 502, headers: answer.rawHeaders, body: await buffer(answer) };
}

import { connect } from 'node:net';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { afterAll, describe, expect, it } from 'vitest';

import { createAddressGuard, type LookupAll } from '../../../../activities/web/adapters/address-guard.ts';
import type { OpenSocket } from '../../../../activities/web/adapters/guarded-agent.ts';
import { createPageReader, type PageReader, toNextHop } from '../../../../activities/web/adapters/page-fetch.ts';
import { createPageParser } from '../../../../activities/web/adapters/page-parser.ts';
import { aCall, failureOf, type LocalServer, startServer } from '../local-server.ts';

const parser = createPageParser();
afterAll(() => parser.close());

interface ReaderSetup {
  readonly servers?: readonly LocalServer[];
  readonly lookup?: LookupAll;
  readonly open?: OpenSocket;
  readonly timeoutMs?: number;
}

function aReader({ servers = [], lookup, open, timeoutMs }: ReaderSetup): PageReader {
  const allow = servers.map(({ port }) => `127.0.0.1:${port}`);
  const guard = createAddressGuard({ allow, ...(lookup === undefined ? {} : { lookup }) });
  return createPageReader({
    guard,
    userAgent: 'test-reader',
    parser,
    ...(open === undefined ? {} : { open }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

const article = `<!doctype html><title>Lighthouses</title><nav>menu</nav><article><h1>Lighthouses</h1><p>${'A lighthouse warns ships, by night and by day. '.repeat(20)}<a href="/more">more</a></p></article>`;

describe('reading', () => {
  it('an HTML page of an allowed address: main text as Markdown, absolute links, title, raw bytes', async () => {
    await using server = await startServer((_request, response) =>
      response.setHeader('content-type', 'text/html; charset=utf-8').end(article),
    );
    const page = await aReader({ servers: [server] }).read({ url: `${server.origin}/a` }, aCall());
    expect(page).toMatchObject({
      finalUrl: `${server.origin}/a`,
      status: 200,
      contentType: 'text/html; charset=utf-8',
      title: 'Lighthouses',
    });
    expect(page.text).toContain('A lighthouse warns ships');
    expect(page.links).toEqual([{ text: 'more', url: `${server.origin}/more` }]);
    expect(page).toMatchObject({ via: 'direct', truncated: false });
    expect(page.text).not.toContain('menu');
    expect(Buffer.from(page.raw ?? []).toString()).toBe(article);
  });

  it('plain text and JSON: as they are', async () => {
    await using server = await startServer((request, response) => {
      response.setHeader('content-type', request.url === '/j' ? 'application/json' : 'text/plain').end('{"a": "<b>ü"}');
    });
    const reader = aReader({ servers: [server] });
    expect(await reader.read({ url: `${server.origin}/j` }, aCall())).toMatchObject({
      text: '{"a": "<b>ü"}',
      title: null,
    });
    expect(await reader.read({ url: `${server.origin}/t` }, aCall())).toMatchObject({
      text: '{"a": "<b>ü"}',
      title: null,
    });
  });

  it.each([
    ['text/html', '%PDF-1.7 x', 'PDF'],
    ['text/html', '\u0089PNG\r\n\u001a\n\u0000\u0000\u0000\rIHDR', 'image/png'],
    ['image/png', '\u0000x', 'image/png'],
    ['', '\u0001\u0002\u0003', 'application/octet-stream'],
    ['text/html', 'PK\u0003\u0004\u0000', 'application/zip'],
  ])('content type %j with %j → Tool.Failed naming %s', async (contentType, body, named) => {
    await using server = await startServer((_request, response) => {
      if (contentType !== '') response.setHeader('content-type', contentType);
      response.end(Buffer.from(body, 'latin1'));
    });
    const error = await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall()));
    expect(error).toMatchObject({ type: 'Tool.Failed' });
    expect(error.message).toContain(named);
  });

  it.each([
    [404, 'Tool.Failed'],
    [410, 'Tool.Failed'],
    [403, 'Tool.Failed'],
    [429, 'Tool.Unavailable'],
    [503, 'Tool.Unavailable'],
    [304, 'Tool.Failed'],
  ])('status %i → %s', async (status, type) => {
    await using server = await startServer((_request, response) =>
      response.writeHead(status, { 'retry-after': '3' }).end(),
    );
    const error = await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall()));
    expect(error).toMatchObject({ type, facts: type === 'Tool.Unavailable' ? { retryAfterMs: 3000 } : {} });
    expect(error.message).toContain(String(status));
  });

  it('a port where nobody listens → Tool.Unavailable', async () => {
    const server = await startServer(() => {});
    await server[Symbol.asyncDispose]();
    expect(await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall()))).toMatchObject({
      type: 'Tool.Unavailable',
    });
  });
});

describe('what is sent', () => {
  it('headers of the model: only the allowed ones; no cookie comes back; the step key goes to an allow-listed host', async () => {
    await using server = await startServer((_request, response) =>
      response.setHeader('set-cookie', 'a=b').setHeader('content-type', 'text/plain').end('x'),
    );
    const reader = aReader({ servers: [server] });
    const headers = {
      Accept: 'text/plain',
      'Accept-Language': 'de',
      Referer: 'https://example.com/',
      Cookie: 'a=b',
      Authorization: 'Bearer x',
      Host: 'internal',
      'X-Forwarded-For': '1.1.1.1',
    };
    await reader.read({ url: server.origin, headers }, aCall());
    await reader.read({ url: server.origin, headers: { 'User-Agent': 'mine\r\nX-Bad: 1' } }, aCall());
    expect(server.requests.map((request) => Object.keys(request.headers).toSorted())).toEqual([
      [
        'accept',
        'accept-encoding',
        'accept-language',
        'connection',
        'host',
        'idempotency-key',
        'referer',
        'user-agent',
      ],
      ['accept', 'accept-encoding', 'accept-language', 'connection', 'host', 'idempotency-key', 'user-agent'],
    ]);
    expect(server.requests[0]?.headers).toMatchObject({
      accept: 'text/plain',
      'accept-language': 'de',
      host: `127.0.0.1:${server.port}`,
      'idempotency-key': 'step-key-1',
    });
    expect(server.requests[1]?.headers['user-agent']).toBe('test-reader');
  });

  it('a foreign page: is never told the step key', async () => {
    await using server = await startServer((_request, response) =>
      response.setHeader('content-type', 'text/plain').end('far away'),
    );
    const reader = aReader({ lookup: publicName, open: pretending(server, '93.184.215.14') });
    const page = await reader.read({ url: 'http://news.example.org/a' }, aCall());
    expect(page.text).toBe('far away');
    expect(server.requests[0]?.headers).toMatchObject({ host: 'news.example.org' });
    expect(server.requests[0]?.headers).not.toHaveProperty('idempotency-key');
  });

  it('a proxy in the environment: is not used', async () => {
    await using proxy = await startServer((_request, response) => response.end('proxied'));
    await using server = await startServer((_request, response) =>
      response.setHeader('content-type', 'text/plain').end('direct'),
    );
    const before = { ...process.env };
    Object.assign(process.env, {
      http_proxy: proxy.origin,
      HTTP_PROXY: proxy.origin,
      https_proxy: proxy.origin,
      all_proxy: proxy.origin,
    });
    try {
      const page = await aReader({ servers: [server] }).read({ url: server.origin }, aCall());
      expect(page.text).toBe('direct');
      expect(proxy.connections()).toBe(0);
    } finally {
      process.env = before;
    }
  });
});

const publicName: LookupAll = () => Promise.resolve([{ address: '93.184.215.14' }]);

/** Sockets that go to a local server and say that they arrived at `remoteAddress`. */
function pretending(server: LocalServer, remoteAddress: string): OpenSocket {
  return (_options, callback) => {
    const socket = connect(server.port, '127.0.0.1');
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
    socket.once('connect', () => callback(null, socket));
    socket.once('error', (error) => callback(error, null));
  };
}

describe('addresses', () => {
  it('positive control: the canary answers whoever may reach it', async () => {
    await using canary = await startServer((_request, response) =>
      response.setHeader('content-type', 'text/plain').end('canary'),
    );
    expect((await aReader({ servers: [canary] }).read({ url: canary.origin }, aCall())).text).toBe('canary');
    expect(canary.connections()).toBe(1);
  });

  it('other ports of this machine, directly and by redirect from an allowed page: refused, never connected to', async () => {
    await using canary = await startServer((_request, response) => response.end('canary'));
    let target = '';
    await using server = await startServer((request, response) => {
      response.writeHead(Number(request.url?.slice(1)), { location: target }).end();
    });
    const reader = aReader({ servers: [server] });
    const { port } = canary;
    const targets = [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `http://2130706433:${port}/`,
      `http://0.0.0.0:${port}/`,
      `http://127.0.0.2:${port}/`,
      `//127.0.0.1:${port}/`,
      `\\\\127.0.0.1:${port}\\`,
      `http://user@127.0.0.1:${server.port}/`,
      'http://169.254.169.254/latest/meta-data/',
      'file:///etc/passwd',
      'gopher://127.0.0.1/',
    ];
    for (target of targets) {
      expect(await failureOf(reader.read({ url: target }, aCall()))).toMatchObject({ type: 'Tool.Blocked' });
      for (const status of [301, 302, 303, 307, 308]) {
        const error = await failureOf(reader.read({ url: `${server.origin}/${status}` }, aCall()));
        expect(error, `${status} to ${target}`).toMatchObject({ type: 'Tool.Blocked' });
      }
    }
    expect(canary.connections()).toBe(0);
    expect(server.requests.length).toBe(targets.length * 5);
  });

  it('a name that resolves to loopback → Tool.Blocked, no connection', async () => {
    let opened = 0;
    const open: OpenSocket = (_options, callback) => {
      opened += 1;
      callback(new Error('opened'), null);
    };
    const reader = aReader({ lookup: () => Promise.resolve([{ address: '127.0.0.1' }]), open });
    expect(await failureOf(reader.read({ url: 'http://evil.example/' }, aCall()))).toMatchObject({
      type: 'Tool.Blocked',
    });
    expect(opened).toBe(0);
  });

  it('a name that changes its answer after the check: the socket is given the checked address, and no second question is asked', async () => {
    const asked: string[] = [];
    const opened: unknown[] = [];
    const lookup: LookupAll = (hostname) => {
      asked.push(hostname);
      return Promise.resolve([{ address: asked.length === 1 ? '93.184.215.14' : '127.0.0.1' }]);
    };
    await using server = await startServer((_request, response) =>
      response.setHeader('content-type', 'text/plain').end('checked'),
    );
    const pretend = pretending(server, '93.184.215.14');
    const open: OpenSocket = (options, callback) => {
      opened.push([options.hostname, options.servername]);
      pretend(options, callback);
    };
    const reader = aReader({ lookup, open });
    expect((await reader.read({ url: 'http://rebind.example/' }, aCall())).text).toBe('checked');
    expect(asked).toEqual(['rebind.example']);
    expect(opened).toEqual([['93.184.215.14', undefined]]);
    await reader.close();
    const again = aReader({ lookup, open });
    expect(await failureOf(again.read({ url: 'http://rebind.example/' }, aCall()))).toMatchObject({
      type: 'Tool.Blocked',
    });
  });

  it('a socket that arrived elsewhere than it was sent → Tool.Blocked before a byte is written', async () => {
    await using canary = await startServer((_request, response) => response.end('canary'));
    const reader = aReader({ lookup: publicName, open: pretending(canary, '127.0.0.1') });
    expect(await failureOf(reader.read({ url: 'http://news.example.org/' }, aCall()))).toMatchObject({
      type: 'Tool.Blocked',
    });
    expect(canary.requests).toEqual([]);
  });

  it('https by name: the socket goes to the address, the name to TLS', async () => {
    const opened: unknown[] = [];
    const open: OpenSocket = (options, callback) => {
      opened.push([options.protocol, options.hostname, options.servername, options.port]);
      callback(Object.assign(new Error('closed'), { code: 'ECONNREFUSED' }), null);
    };
    const reader = aReader({
      lookup: () => Promise.resolve([{ address: '93.184.215.14' }, { address: '2606:4700::1111' }]),
      open,
    });
    expect(await failureOf(reader.read({ url: 'https://news.example.org/' }, aCall()))).toMatchObject({
      type: 'Tool.Unavailable',
    });
    expect(opened).toEqual([
      ['https:', '93.184.215.14', 'news.example.org', '443'],
      ['https:', '2606:4700::1111', 'news.example.org', '443'],
    ]);
  });
});

describe('redirects', () => {
  it('five: followed; six: refused; a loop: refused', async () => {
    await using server = await startServer((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.setHeader('content-type', 'text/plain').end('arrived');
      else response.writeHead(302, { location: `./${left === 99 ? 99 : left - 1}` }).end('moved');
    });
    const reader = aReader({ servers: [server] });
    expect(await reader.read({ url: `${server.origin}/5` }, aCall())).toMatchObject({
      text: 'arrived',
      finalUrl: `${server.origin}/0`,
    });
    expect(await failureOf(reader.read({ url: `${server.origin}/6` }, aCall()))).toMatchObject({ type: 'Tool.Failed' });
    expect(await failureOf(reader.read({ url: `${server.origin}/99` }, aCall()))).toMatchObject({
      type: 'Tool.Failed',
    });
  });

  it('from https to http → Tool.Blocked; to https, or from http to https → followed', () => {
    const guard = createAddressGuard({ allow: [] });
    const from = new URL('https://a.example/x/y');
    expect(() => toNextHop(guard, from, 'http://a.example/')).toThrow(
      expect.objectContaining({ type: 'Tool.Blocked' }),
    );
    expect(toNextHop(guard, from, '../z').href).toBe('https://a.example/z');
    expect(toNextHop(guard, new URL('http://a.example/'), 'https://b.example/').href).toBe('https://b.example/');
    expect(() => toNextHop(guard, from, '')).toThrow(expect.objectContaining({ type: 'Tool.Failed' }));
  });
});

describe('size and time', { timeout: 30_000 }, () => {
  it.each([
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    ['br', (bytes: Buffer) => brotliCompressSync(bytes)],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
    ['gzip, br', (bytes: Buffer) => brotliCompressSync(gzipSync(bytes))],
  ])('%s: a page is unpacked, a bomb of 64 MiB stopped', async (coding, pack) => {
    const body = { '/page': pack(Buffer.from('hello')), '/bomb': pack(Buffer.alloc(64 * 1024 * 1024, 'a')) };
    await using server = await startServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': coding });
      response.end(request.url === '/bomb' ? body['/bomb'] : body['/page']);
    });
    const reader = aReader({ servers: [server] });
    expect((await reader.read({ url: `${server.origin}/page` }, aCall())).text).toBe('hello');
    const before = process.memoryUsage().arrayBuffers;
    expect(await failureOf(reader.read({ url: `${server.origin}/bomb` }, aCall()))).toMatchObject({
      type: 'Tool.Failed',
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  });

  it('a page under the limit that was packed a thousand times over → Tool.Failed; a large page packed as pages are → read', async () => {
    const words = Array.from({ length: 300_000 }, (_, index) => `word${(index * 7919) % 100_003} `).join('');
    await using server = await startServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' });
      response.end(gzipSync(request.url === '/bomb' ? Buffer.alloc(3 * 1024 * 1024, 'a') : words));
    });
    const reader = aReader({ servers: [server] });
    const error = await failureOf(reader.read({ url: `${server.origin}/bomb` }, aCall()));
    expect(error).toMatchObject({ type: 'Tool.Failed' });
    expect(error.message).toContain('100 times');
    expect((await reader.read({ url: `${server.origin}/page` }, aCall())).text).toBe(words);
  });

  it.each([
    ['gzip, gzip, gzip', gzipSync(gzipSync(gzipSync('x')))],
    ['compress', Buffer.from('x')],
    ['gzip', Buffer.from('this is not gzip')],
  ])('content encoding %s that cannot be undone → Tool.Failed', async (coding, body) => {
    await using server = await startServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': coding }).end(body),
    );
    expect(await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall()))).toMatchObject({
      type: 'Tool.Failed',
    });
  });

  it('an endless body without compression → Tool.Failed at the limit', async () => {
    await using server = await startServer((_request, response) => {
      response.setHeader('content-type', 'text/plain');
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536, 'a')));
        response.once('drain', more);
      };
      more();
    });
    const error = await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall()));
    expect(error).toMatchObject({ type: 'Tool.Failed' });
    expect(error.message).toContain('8388608');
  });

  it.each([
    ['never answers', (): void => {}],
    [
      'stops in the middle of the body',
      (_: unknown, response: { write: (text: string) => unknown }): void => void response.write('beginning'),
    ],
  ])('a server that %s → Tool.Timeout', async (_what, handler) => {
    await using server = await startServer(handler);
    const error = await failureOf(aReader({ servers: [server], timeoutMs: 150 }).read({ url: server.origin }, aCall()));
    expect(error).toMatchObject({ type: 'Tool.Timeout' });
  });

  it('a resolver that never answers → Tool.Timeout', async () => {
    const reader = aReader({ lookup: () => new Promise(() => {}), timeoutMs: 150 });
    expect(await failureOf(reader.read({ url: 'http://slow.example/' }, aCall()))).toMatchObject({
      type: 'Tool.Timeout',
    });
  });

  it('the step is cancelled: rejects with its reason at once', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    await using server = await startServer(() => controller.abort(reason));
    expect(await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall(controller.signal)))).toBe(
      reason,
    );
    expect(await failureOf(aReader({ servers: [server] }).read({ url: server.origin }, aCall(controller.signal)))).toBe(
      reason,
    );
    expect(server.requests.length).toBe(1);
  });
});

import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isLoopback, serveApi, type ApiServer } from '../../api/serve.ts';
import { toOwnHosts } from '../../api/http/safety.ts';
import { problemSchema } from '../../api/http/problem.ts';
import { type ApiFixture, createFixture } from './api-fixture.ts';

let fixture: ApiFixture;
let server: ApiServer;
let ownHosts: ReadonlySet<string> = new Set();

beforeEach(async () => {
  fixture = createFixture().restart({ ownHosts: () => ownHosts });
  server = await serveApi(fixture.api.app, '127.0.0.1', 0);
  ownHosts = toOwnHosts(server.port);
});

afterEach(async () => {
  fixture.api.close();
  await server.close();
});

/** Sends bytes as they are and gives the whole answer; a write that the server refuses is the point of some rows. */
function sendRaw(chunks: readonly (string | Uint8Array)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (/\r\n\r\n/u.test(answer) && /"errors":\[.*\]\}|content-length: 0|Connection: close\r\n\r\n$/iu.test(answer))
        socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', () => {});
    for (const chunk of chunks) socket.write(chunk);
  });
}

const head = (lines: readonly string[]) => [...lines, '', ''].join('\r\n');

describe('the server', () => {
  it('names: → loopback addresses only', () => {
    expect(['127.0.0.1', '127.9.9.9', 'localhost', '::1'].map(isLoopback)).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.example', ''].map(isLoopback)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect([...toOwnHosts(8700)]).toEqual(['127.0.0.1:8700', 'localhost:8700', '[::1]:8700']);
  });

  it('a declared body of 50 MB: → 413 before it is sent', async () => {
    const host = `host: 127.0.0.1:${server.port}`;
    const lines = ['POST /v1/research HTTP/1.1', host, 'content-type: application/json', 'content-length: 52428800'];
    const answer = await sendRaw([head(lines), '{"input":"']);
    expect(answer).toMatch(/^HTTP\/1\.1 413/u);
    expect(answer).toContain('"code":"payload_too_large"');
    expect(answer.toLowerCase()).toContain('connection: close');
  });

  it('a chunked body that does not end: → 413 at the limit', async () => {
    const lines = [
      'POST /v1/research HTTP/1.1',
      `host: 127.0.0.1:${server.port}`,
      'content-type: application/json',
      'transfer-encoding: chunked',
    ];
    const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
    expect(await sendRaw([head(lines), ...Array.from({ length: 40 }, () => chunk)])).toMatch(/^HTTP\/1\.1 413/u);
  });

  it.each([
    ['two lengths', ['content-length: 2', 'content-length: 3']],
    ['length and chunked', ['content-length: 2', 'transfer-encoding: chunked']],
    ['a bad length', ['content-length: -1']],
    ['a header with a bare line break', ['x: a\nb c']],
  ])('%s: → 400', async (_, more) => {
    const lines = [
      'POST /v1/research HTTP/1.1',
      `host: 127.0.0.1:${server.port}`,
      'content-type: application/json',
      ...more,
    ];
    expect(await sendRaw([head(lines), '{}'])).toMatch(/^HTTP\/1\.1 400/u);
    expect(fixture.engine.starts).toEqual([]);
  });

  it('headers of 64 KB: → 431', async () => {
    const lines = ['GET /healthz HTTP/1.1', `host: 127.0.0.1:${server.port}`, `x: ${'a'.repeat(65_536)}`];
    expect(await sendRaw([head(lines)])).toMatch(/^HTTP\/1\.1 431/u);
  });

  it.each(['evil.example', '127.0.0.1', 'localhost:1', '127.0.0.1:1@evil.example'])(
    'Host %s: → refused',
    async (host) => {
      expect(await sendRaw([head(['GET /v1/research HTTP/1.1', `host: ${host}`])])).toMatch(/^HTTP\/1\.1 40[03]/u);
    },
  );

  it('a Host that cannot be read: → 400 problem', async () => {
    const answer = await sendRaw([head(['GET /healthz HTTP/1.1', 'host: a b'])]);
    expect(answer).toMatch(/^HTTP\/1\.1 400/u);
    expect(problemSchema.parse(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).code).toBe('invalid_request');
  });

  it('after all that: → still answers', async () => {
    await sendRaw(['\0\0\0\r\n\r\n']);
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
  });
});

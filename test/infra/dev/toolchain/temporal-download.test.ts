import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadTemporal } from '../../../../infra/dev/toolchain/temporal-download.ts';
import { writeScript } from './fake-tools.ts';

let root: string;
let server: Server;
let handle: RequestListener;
let baseUrl: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'longhaul-download-'));
  server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  baseUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true, force: true });
});

const fetchIt = (answerMs = 5_000) =>
  downloadTemporal({
    target: join(root, 'temporal'),
    version: 'v1.2.3',
    baseUrl,
    answerMs,
    env: process.env,
    report: () => {},
  });

describe('downloadTemporal', () => {
  it('the site has it: the pinned version is asked for and its file unpacked', async () => {
    await writeScript(join(root, 'inside'), 'echo hello');
    spawnSync('tar', ['-czf', join(root, 'served.tar.gz'), '-C', root, 'inside']);
    const archive = await readFile(join(root, 'served.tar.gz'));
    const asked: string[] = [];
    handle = (request, response) => {
      asked.push(request.url ?? '');
      const info = { archiveUrl: `${baseUrl}/archive`, fileToExtract: 'inside' };
      response.end(request.url === '/archive' ? archive : JSON.stringify(info));
    };
    await fetchIt();
    expect(asked[0]).toMatch(/^\/cli\/v1\.2\.3\?arch=(amd64|arm64)&platform=(linux|darwin)&format=tar\.gz$/);
    expect(await readFile(join(root, 'temporal'), 'utf8')).toContain('echo hello');
  });

  it('the site takes the request and never answers: given up', async () => {
    handle = () => {};
    await expect(fetchIt(50)).rejects.toThrow(/did not answer in time/);
  });

  it('the archive stops half way: given up', async () => {
    handle = (request, response) => {
      if (request.url === '/archive') response.write('half');
      else response.end(JSON.stringify({ archiveUrl: `${baseUrl}/archive`, fileToExtract: 'inside' }));
    };
    await expect(fetchIt(100)).rejects.toThrow(/was silent for 100 ms/);
  });

  it('a file name that leaves the folder: refused', async () => {
    handle = (request, response) => {
      const info = { archiveUrl: `${baseUrl}/archive`, fileToExtract: '../outside' };
      response.end(request.url === '/archive' ? 'x' : JSON.stringify(info));
    };
    await expect(fetchIt()).rejects.toThrow(/unsafe name/);
  });

  it('status 404: said', async () => {
    handle = (_request, response) => response.writeHead(404).end();
    await expect(fetchIt()).rejects.toThrow(/status 404/);
  });
});

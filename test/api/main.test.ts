import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createDirectoryStore } from '../../activities/storage/adapters/directory.ts';
import { createBlobStore } from '../../activities/storage/blob-store.ts';
import { createTrajectoryStore } from '../../activities/storage/trajectory-store.ts';

const mainPath = fileURLToPath(new URL('../../api/main.ts', import.meta.url));

let directory: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'longhaul-api-'));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

function start(env: NodeJS.ProcessEnv) {
  const base = {
    PATH: process.env['PATH'],
    LONGHAUL_STORE: `file:${join(directory, 'store')}`,
    LONGHAUL_MODEL: 'a-model',
    LONGHAUL_API_PORT: '0',
    TEMPORAL_ADDRESS: '127.0.0.1:1',
  };
  const child = spawn(process.execPath, [mainPath], { env: { ...base, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  let err = '';
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const line = /^(\{"listening":.*\})\n/u.exec(out)?.[1];
      if (line !== undefined) resolve(z.object({ listening: z.string() }).parse(JSON.parse(line)).listening);
    });
    child.once('exit', () => reject(new Error(`ended: ${err}`)));
  });
  listening.catch(() => {});
  const ended = once(child, 'exit').then(() => ({ code: child.exitCode, out, err }));
  return { child, listening, ended };
}

describe('api/main.ts', () => {
  it('bad configuration: → exit 2, every bad key in one message, no value, nothing started', async () => {
    const { ended } = start({
      LONGHAUL_STORE: 'ftp:secret',
      LONGHAUL_MODEL: '',
      LONGHAUL_API_PORT: '70000',
      LONGHAUL_API_HOST: '0.0.0.0',
      LONGHAUL_TYPO: '1',
    });
    const { code, out, err } = await ended;
    expect(code).toBe(2);
    for (const name of [
      'LONGHAUL_STORE',
      'LONGHAUL_MODEL',
      'LONGHAUL_API_PORT',
      'LONGHAUL_API_HOST',
      'LONGHAUL_TYPO',
    ]) {
      expect(err).toContain(name);
    }
    expect(err).not.toMatch(/secret|70000|\n\s+at /u);
    expect(out).toBe('');
  });

  it.each(['0.0.0.0', '::', '192.168.1.1', 'example.org'])(
    'LONGHAUL_API_HOST=%s: → exit 2, loopback only',
    async (host) => {
      const { code, err } = await start({ LONGHAUL_API_HOST: host }).ended;
      expect(code).toBe(2);
      expect(err).toContain('loopback');
    },
  );

  it('listens: → tells where on one line, answers, refuses a foreign host; SIGTERM ends it cleanly', async () => {
    const { child, listening, ended } = start({});
    const url = await listening;
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true });
    expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
    const byName = url.replace('127.0.0.1', 'localhost');
    expect((await fetch(`${byName}/healthz`, { headers: { host: new URL(byName).host } })).status).toBe(200);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('SIGTERM while a stream is open and the engine away: → ends the stream and the process', async () => {
    const objects = createDirectoryStore({ directory: join(directory, 'store') });
    const trajectory = createTrajectoryStore({ objects, blobs: createBlobStore(objects) });
    const runId = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
    await trajectory.putStart({ tenant: 'default', runId }, { firstExecutionId: 'first', workflowId: 'w' });
    const { child, listening, ended } = start({});
    const url = await listening;
    const stream = await fetch(`${url}/v1/research/${runId}/events`, { headers: { accept: 'text/event-stream' } });
    expect(stream.status).toBe(200);
    const text = stream.text().catch(() => 'cut');
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
    expect(await text).toMatch(/^cut$|^retry: 1000/u);
  });

  it('a port in use: → exit 2, names the port and the variable', async () => {
    const url = await start({}).listening;
    const { code, err } = await start({ LONGHAUL_API_PORT: new URL(url).port }).ended;
    expect(code).toBe(2);
    expect(err).toContain(`port ${new URL(url).port} of the API is in use`);
    expect(err).toContain('LONGHAUL_API_PORT');
  });
});

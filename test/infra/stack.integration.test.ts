import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDevState } from '../../cli/dev-state.ts';
import { findFreePort } from '../../infra/dev/ports.ts';
import { type Stack, type StackOptions, startStack } from '../../infra/dev/stack/stack.ts';

let folder: string;
let stack: Stack | null;
let child: ChildProcess | null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhaul-stack-'));
  stack = null;
  child = null;
});
afterEach(async () => {
  await stack?.stop();
  child?.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** Processes that were told of this test's folder, by argument or environment: whatever the stack started. */
function findOurs(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid) && name !== String(child?.pid))
    .filter((pid) =>
      [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`].some((file) => readOrEmpty(file).includes(folder)),
    )
    .map((pid) => `${pid} ${readOrEmpty(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function environmentOf(pid: number): string {
  return readFileSync(`/proc/${pid}/environ`, 'utf8');
}

/** The environment of a person who has keys for everything. */
const person = {
  PATH: process.env.PATH,
  HOME: process.env.HOME,
  XDG_CACHE_HOME: process.env.XDG_CACHE_HOME,
  LONGHAUL_TEMPORAL_CLI: process.env.LONGHAUL_TEMPORAL_CLI,
  OPENAI_API_KEY: 'key-of-model',
  SERPER_API_KEY: 'key-of-search',
  AWS_SECRET_ACCESS_KEY: 'key-of-cloud',
};

const options = (): StackOptions => ({
  env: person,
  dataDirectory: folder,
  ports: 'free',
  ui: false,
  log: () => {},
  report: () => {},
});

describe('startStack', () => {
  it('up: every part answers and knows only what it needs; stopped: no process and no state file is left', async () => {
    stack = await startStack(options());
    const health = await fetch(`${stack.urls.api}/healthz`);
    expect(health.status).toBe(200);
    expect(readDevState(folder)).toMatchObject({ pid: process.pid, api: stack.urls.api });
    expect(stack.fetchAllow).toEqual([new URL(stack.urls.corpus ?? '').host]);

    const workers = await Promise.all(
      (['model', 'web', 'sandbox', 'tools', 'orchestrator'] as const).map(stack.workerPid),
    );
    expect(new Set(workers).size).toBe(5);
    for (const pid of [...stack.parts.map((part) => part.pid), ...workers.filter((worker) => worker !== null)]) {
      expect(environmentOf(pid)).not.toMatch(/key-of-(model|search|cloud)/);
    }
    const sandbox = environmentOf((await stack.workerPid('sandbox')) ?? 0);
    expect(sandbox).toContain('LONGHAUL_SANDBOX_DIR=');
    expect(sandbox).not.toMatch(/OPENAI|SERPER|LONGHAUL_FETCH_ALLOW/);

    expect(findOurs().length).toBeGreaterThan(5);
    await stack.stop();
    expect(findOurs()).toEqual([]);
    expect(existsSync(join(folder, 'dev.json'))).toBe(false);
  }, 120_000);

  it('the process that holds it is killed with SIGKILL: all its parts end, too', async () => {
    const script = `
      import { startStack } from '${join(import.meta.dirname, '../../infra/dev/stack/stack.ts')}';
      const stack = await startStack({ env: process.env, dataDirectory: process.env.LONGHAUL_DATA_DIR, ports: 'free', ui: false, log: () => {}, report: () => {} });
      console.log(stack.urls.api);`;
    child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      env: { ...person, LONGHAUL_DATA_DIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.stdout === null) throw new Error('no standard output');
    await once(child.stdout, 'data');
    expect(findOurs().length).toBeGreaterThan(5);
    child.kill('SIGKILL');
    await expect.poll(() => findOurs(), { timeout: 20_000 }).toEqual([]);
  }, 120_000);

  it('a fixed port in use: named with its holder and the variable, and nothing is started', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const [temporal, ui] = [await findFreePort(), await findFreePort()];
    const env = {
      ...person,
      LONGHAUL_API_PORT: String(port),
      LONGHAUL_TEMPORAL_PORT: String(temporal),
      LONGHAUL_UI_PORT: String(ui),
    };
    await expect(startStack({ ...options(), env, ports: 'fixed' })).rejects.toThrow(
      new RegExp(`port ${port} of the API is in use by process ${process.pid} .*LONGHAUL_API_PORT`),
    );
    expect(findOurs()).toEqual([]);
    holder.close();
  });

  it('given up while it starts: what was there already is ended', async () => {
    const controller = new AbortController();
    const report = (line: string): void => {
      if (line.startsWith('starting five pools')) controller.abort();
    };
    await expect(startStack({ ...options(), report, signal: controller.signal })).rejects.toThrow('given up');
    await expect.poll(() => findOurs(), { timeout: 20_000 }).toEqual([]);
  }, 60_000);

  it('bad variables: all of them in one error without a value, and nothing is started', async () => {
    const env = {
      ...person,
      OPENAI_BASE_URL: 'http://127.0.0.1:1/v1',
      LONGHAUL_MODLE: 'secret',
      LONGHAUL_API_PORT: '8700',
    };
    const error: unknown = await startStack({ ...options(), env }).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('LONGHAUL_MODEL: missing');
    expect(String(error)).toContain('LONGHAUL_MODLE: unknown variable');
    expect(String(error)).not.toContain('secret');
    expect(findOurs()).toEqual([]);
  });
});

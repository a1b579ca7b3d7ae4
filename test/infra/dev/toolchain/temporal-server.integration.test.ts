import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findFreePort } from '../../../../infra/dev/ports.ts';
import { identifyProcess } from '../../../../infra/dev/toolchain/process-identity.ts';
import { ensureTemporal } from '../../../../infra/dev/toolchain/temporal.ts';
import { startTemporalServer, type TemporalServer } from '../../../../infra/dev/toolchain/temporal-server.ts';
import { writeScript } from './fake-tools.ts';

const START_MS = 60_000;
let root: string;
let binary: string;
const running: TemporalServer[] = [];

beforeAll(async () => {
  binary = (await ensureTemporal({ env: process.env, report: (line) => console.error(line) })).path;
}, 15 * 60_000);
beforeEach(async () => void (root = await mkdtemp(join(tmpdir(), 'longhaul-server-'))));
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await rm(root, { recursive: true, force: true });
}, START_MS);

const file = (): string => join(root, 'data', 'temporal.db');

async function start(options: { readonly uiPort?: number | null } = {}): Promise<TemporalServer> {
  const server = await startTemporalServer({ binary, databaseFile: file(), uiPort: null, ...options });
  running.push(server);
  return server;
}

async function withClient<T>(server: TemporalServer, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const tenant = defineSearchAttributeKey('LonghaulTenant', 'KEYWORD');
const cost = defineSearchAttributeKey('LonghaulCostMicroUsd', 'INT');

describe('startTemporalServer', { timeout: 2 * START_MS }, () => {
  it('SIGKILL, then a start on the same file: a started workflow and its search attributes are still there', async () => {
    const first = await start();
    await withClient(first, (client) =>
      client.workflow.start('research', {
        workflowId: 'kept',
        taskQueue: 'nobody-listens',
        typedSearchAttributes: [
          { key: tenant, value: 'acme' },
          { key: cost, value: 12 },
        ],
      }),
    );
    first.kill();
    expect(await first.exited).toBeNull();
    const second = await start();
    const found = await withClient(second, (client) => client.workflow.getHandle('kept').describe());
    expect(found.status.name).toBe('RUNNING');
    expect(found.typedSearchAttributes.get(tenant)).toBe('acme');
    expect(found.typedSearchAttributes.get(cost)).toBe(12);
  });

  it('running: the file is in WAL mode, the Web UI answers, Ctrl-C does not reach its process group', async () => {
    const server = await start({ uiPort: await findFreePort() });
    const handle = await open(file());
    const { buffer } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    await handle.close();
    // Bytes 18 and 19 of a SQLite file are 2 for WAL.
    expect([...buffer.subarray(18, 20)]).toEqual([2, 2]);
    expect((await fetch(server.uiUrl ?? '')).status).toBe(200);
    const stat = await readFile(`/proc/${server.pid}/stat`, 'utf8');
    expect(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]).toBe(String(server.pid));
  });

  it('stop: gone with exit code 0, and the port and the file are free again', async () => {
    const server = await start();
    await server.stop();
    expect(await server.exited).toBe(0);
    await server.stop();
    expect(identifyProcess(server.pid)).toBeNull();
    await start();
  });

  it('a second server on the same file: refused, with the process of the first', async () => {
    const server = await start();
    await expect(start()).rejects.toThrow(`is in use by the Temporal server of process ${server.pid}`);
  });

  it('a file of another server version: refused before anything is started', async () => {
    await (await start()).stop();
    await writeFile(`${file()}.version`, '1.20.0\n');
    await expect(start()).rejects.toThrow(/made by Temporal server 1\.20\.0/);
  });

  it('the process that started it gets SIGKILL: the server ends too', async () => {
    const url = JSON.stringify(new URL('../../../../infra/dev/toolchain/temporal-server.ts', import.meta.url).href);
    const code = `
      const { startTemporalServer } = await import(${url});
      const server = await startTemporalServer(${JSON.stringify({ binary, databaseFile: file(), uiPort: null })});
      console.log(server.pid);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) => createInterface({ input: owner.stdout }).once('line', resolve));
    expect(identifyProcess(Number(line))).not.toBeNull();
    owner.kill('SIGKILL');
    await vi.waitFor(() => expect(identifyProcess(Number(line))).toBeNull(), { timeout: 15_000, interval: 50 });
  });
});

describe('startTemporalServer with a server that does not come up', () => {
  it('early exit: the error has the end of its log, and its settings were the agreed ones', async () => {
    const fake = await writeScript(
      join(root, 'temporal'),
      `[ "$1" = --version ] && { echo "temporal version 9 (Server 9.9.9, UI 1)"; exit 0; }\nprintf '%s\\n' "$@" > "${root}/arguments"\necho boom; exit 7`,
    );
    const attempt = startTemporalServer({ binary: fake, databaseFile: file(), suggestContinueAsNew: 120 });
    await expect(attempt).rejects.toThrow(/exit code 7[^]*boom/);
    const settings = (await readFile(join(root, 'arguments'), 'utf8')).split('\n');
    expect(settings).toEqual(
      expect.arrayContaining([
        'history.transferProcessorMaxPollRPS=2000',
        'history.timerProcessorMaxPollRPS=2000',
        'history.visibilityProcessorMaxPollRPS=2000',
        'matching.enableFairness=true',
        'matching.numTaskqueueReadPartitions=1',
        'matching.numTaskqueueWritePartitions=1',
        'limit.historyCount.suggestContinueAsNew=120',
        'journal_mode=WAL',
        'synchronous=FULL',
        '127.0.0.1',
      ]),
    );
    await expect(readFile(`${file()}.lock`)).rejects.toThrow(/ENOENT/);
  });
});

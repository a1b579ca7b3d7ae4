import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { PoolName } from '../../domain/tools.ts';
import { findFreePort } from '../../infra/dev/ports.ts';

const mainPath = fileURLToPath(new URL('../../workers/main.ts', import.meta.url));
const healthSchema = z.looseObject({ ok: z.boolean(), workerPid: z.int().nullable(), restarts: z.int() });

/** A worker process that a test started: its supervisor, and the worker inside. */
export interface PoolProcess {
  readonly pools: readonly PoolName[];
  readonly supervisor: ChildProcess;
  /** Pid of the worker that polls now; waits until there is one. */
  readonly workerPid: () => Promise<number>;
  /** SIGKILL of the worker; its supervisor lives. */
  readonly killWorker: () => Promise<void>;
  /** SIGTERM, and waits for the end. */
  readonly stop: () => Promise<void>;
  readonly log: () => string;
  readonly healthUrl: string;
}

/** Polls until `check` gives a value; the condition's name is in the error. */
export async function waitFor<T>(what: string, check: () => Promise<T | null>, timeoutMs = 60_000): Promise<T> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== null) return value;
    if (Date.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await delay(50);
  }
}

/** Starts a supervisor with a worker for the given pools and waits until it polls. */
export async function startPool(pools: readonly PoolName[], env: NodeJS.ProcessEnv): Promise<PoolProcess> {
  const port = await findFreePort();
  const healthUrl = `http://127.0.0.1:${port}/healthz`;
  const supervisor = spawn(process.execPath, [mainPath], {
    env: { ...env, LONGHAUL_POOLS: pools.join(','), LONGHAUL_HEALTH_PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  supervisor.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString('utf8');
  });
  const exited = new Promise<void>((resolve) => supervisor.once('exit', () => resolve()));
  const workerPid = () =>
    waitFor(`a worker of ${pools.join(',')}; its log:\n${log.slice(-4_000)}`, async () => {
      if (supervisor.exitCode !== null) throw new Error(`the supervisor of ${pools.join(',')} ended:\n${log}`);
      try {
        const health = healthSchema.parse(await (await fetch(healthUrl)).json());
        return health.ok ? health.workerPid : null;
      } catch {
        return null;
      }
    });
  await workerPid();
  return {
    pools,
    supervisor,
    workerPid,
    healthUrl,
    killWorker: async () => {
      process.kill(await workerPid(), 'SIGKILL');
    },
    stop: async () => {
      supervisor.kill('SIGTERM');
      await exited;
    },
    log: () => log,
  };
}

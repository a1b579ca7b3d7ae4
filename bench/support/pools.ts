import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PoolName } from '../../domain/tools.ts';
import { findFreePort } from '../../infra/dev/ports.ts';
import { waitForPart } from '../../infra/dev/stack/part.ts';
import { toServerEnv } from '../../infra/dev/stack/part-env.ts';
import type { BenchContext } from './bench-context.ts';
import { startBenchPart } from './servers.ts';
import { waitFor } from './waiting.ts';

const readyMs = 90_000;
const drainMs = 3_000;
const healthSchema = z.looseObject({
  ok: z.boolean(),
  workerPid: z.int().nullable(),
  inFlight: z.int(),
  standby: z.boolean().nullable(),
});

/** What a pool's supervisor says of itself. */
type PoolHealth = z.infer<typeof healthSchema>;

/** A pool as its own process: a supervisor and its worker. */
export interface RunningPool {
  readonly name: PoolName;
  readonly supervisorPid: number;
  readonly health: () => Promise<PoolHealth>;
  /** Lets it drain, and ends it when it does not. */
  readonly stop: () => Promise<void>;
}

/** Where the pools of a bench find everything. */
export interface PoolPlaces {
  readonly temporalAddress: string;
  /** `file:PATH`. */
  readonly store: string;
  readonly queuePrefix: string;
  readonly modelUrl: string;
  readonly toolsFile: string | null;
  readonly corpus: { readonly folder: string; readonly host: string } | null;
  readonly sandboxDirectory: string | null;
}

function toPoolEnv(places: PoolPlaces, pool: PoolName, healthPort: number): Record<string, string> {
  const { corpus, sandboxDirectory, toolsFile } = places;
  return {
    ...toServerEnv(process.env),
    TEMPORAL_ADDRESS: places.temporalAddress,
    LONGHAUL_STORE: places.store,
    LONGHAUL_QUEUE_PREFIX: places.queuePrefix,
    LONGHAUL_POOLS: pool,
    LONGHAUL_DRAIN_MS: String(drainMs),
    LONGHAUL_HEALTH_PORT: String(healthPort),
    ...(pool === 'model' || pool === 'web' ? { OPENAI_BASE_URL: places.modelUrl } : {}),
    ...(pool === 'tools' && toolsFile !== null ? { LONGHAUL_TOOLS_FILE: toolsFile } : {}),
    ...(pool === 'sandbox' && sandboxDirectory !== null ? { LONGHAUL_SANDBOX_DIR: sandboxDirectory } : {}),
    ...(pool === 'web' && corpus !== null
      ? {
          LONGHAUL_CORPUS: corpus.folder,
          LONGHAUL_CORPUS_HOST: corpus.host,
          LONGHAUL_FETCH_ALLOW: corpus.host,
        }
      : {}),
  };
}

/** Node's own profiler, one file a process that ends by itself. */
export async function toProfileEnv(context: BenchContext, name: string): Promise<Record<string, string>> {
  if (context.profileDirectory === null) return {};
  const directory = join(context.profileDirectory, name);
  await mkdir(directory, { recursive: true });
  return { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` };
}

/** Starts a pool and waits until its worker polls and its standby is loaded. */
async function startPool(context: BenchContext, places: PoolPlaces, pool: PoolName): Promise<RunningPool> {
  const healthPort = await findFreePort();
  const env = { ...toPoolEnv(places, pool, healthPort), ...(await toProfileEnv(context, `longhaul-${pool}`)) };
  const part = await startBenchPart(context, { name: pool, args: ['workers/main.ts'], env });
  const health = async (): Promise<PoolHealth> => {
    const response = await fetch(`http://127.0.0.1:${healthPort}/healthz`, { signal: AbortSignal.timeout(5_000) });
    return healthSchema.parse(await response.json());
  };
  // A standby that is still being loaded would be measured as if it were the work of a step.
  const isReady = async (): Promise<true | null> => {
    const state = await health().catch(() => null);
    return state?.ok === true && state.standby !== false ? true : null;
  };
  const patience = { signal: context.signal, limitMs: readyMs, what: `the start of pool ${pool}` };
  try {
    await waitForPart(part, waitFor(isReady, patience, 25), readyMs);
  } catch (error) {
    part.kill();
    throw error;
  }
  return { name: pool, supervisorPid: part.pid, health, stop: () => part.stop(drainMs + 6_000) };
}

/** Starts pools at once; those that came up are ended when one does not. */
export async function startPools(
  context: BenchContext,
  places: PoolPlaces,
  pools: readonly PoolName[],
): Promise<RunningPool[]> {
  const started = await Promise.allSettled(pools.map((pool) => startPool(context, places, pool)));
  const running = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = started.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return running;
  await Promise.all(running.map((pool) => pool.stop()));
  throw failed.reason;
}

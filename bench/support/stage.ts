import type { PoolName } from '../../domain/tools.ts';
import type { BenchContext } from './bench-context.ts';
import { type PoolPlaces, type RunningPool, startPools } from './pools.ts';
import { openRunClient, type RunClient } from './runs.ts';

/** Pools of ours over a server, and a client to submit runs to them. */
export interface Stage {
  readonly places: PoolPlaces;
  readonly pools: readonly RunningPool[];
  readonly runs: RunClient;
  /** All processes of ours: supervisors and workers. */
  readonly pids: () => Promise<number[]>;
  readonly close: () => Promise<void>;
}

/** The pools that the reference workload needs. */
const workloadPools = ['orchestrator', 'model', 'tools'] as const satisfies readonly PoolName[];

/** Starts pools and waits until they poll. */
export async function openStage(
  context: BenchContext,
  places: PoolPlaces,
  pools: readonly PoolName[] = workloadPools,
): Promise<Stage> {
  const running = await startPools(context, places, pools);
  const runs = await openRunClient(places);
  return {
    places,
    pools: running,
    runs,
    pids: async () => {
      const workers = await Promise.all(running.map(async (pool) => (await pool.health()).workerPid));
      return [...running.map((pool) => pool.supervisorPid), ...workers.filter((pid) => pid !== null)];
    },
    close: async () => {
      await Promise.all(running.map((pool) => pool.stop()));
      await runs.close();
    },
  };
}

import { silentObserver } from '../../activities/model/pool/observer.ts';
import type { ReplicaPool } from '../../activities/model/pool/replica-pool.ts';
import { type ModelPoolName, modelPoolNames } from '../../domain/pool/pool-config.ts';
import type { ReplicaState } from '../../domain/pool/replica-health.ts';
import { type ServerLoad, unknownLoad } from '../../domain/pool/server-metrics.ts';
import { openReplicaPool } from '../pools/open-replica-pool.ts';
import { loadModelPools } from './model-pools.ts';

/** A replica as it stands now, by its own word. */
export interface ReplicaStatus {
  readonly replica: string;
  readonly url: string;
  readonly state: ReplicaState;
  readonly draining: boolean;
  readonly engine: string | null;
  readonly version: string | null;
  readonly models: readonly string[];
  readonly running: number | null;
  readonly waiting: number | null;
  readonly kvUsage: number | null;
  readonly kvTokens: number | null;
  /** Part of all prompt tokens that its prefix cache has served. */
  readonly cachedShare: number | null;
  readonly preemptions: number | null;
}

/** A pool as it stands now. */
export interface PoolStatus {
  readonly pool: ModelPoolName;
  readonly replicas: readonly ReplicaStatus[];
}

function toCachedShare({ prefixQueriedTokens: queried, prefixHitTokens: hit }: ServerLoad): number | null {
  return queried === null || hit === null || queried === 0 ? null : hit / queried;
}

function toStatus(pool: ReplicaPool, replica: ReplicaPool['replicas'][number]): ReplicaStatus {
  const { address, id, health } = replica;
  const load = replica.load ?? unknownLoad;
  const facts = replica.facts ?? { engine: null, version: null, models: [] };
  const { running, waiting, kvUsage, preemptions } = load;
  return {
    replica: id,
    url: address.url,
    // One look: a replica that did not answer it is told as down at once.
    state: health.failedProbes > 0 ? 'down' : replica.state(pool.ports.now()),
    draining: address.drain,
    engine: facts.engine,
    version: facts.version,
    models: facts.models.map((model) => model.id),
    running,
    waiting,
    kvUsage,
    preemptions,
    kvTokens: pool.ports.pool.kv?.tokens ?? load.kvTokens,
    cachedShare: toCachedShare(load),
  };
}

/** Looks at every replica of a pools file once. @throws AppError `Config.Invalid` for a file that cannot be used */
export async function readPoolStatus(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly PoolStatus[]> {
  const pools = loadModelPools(file, env);
  const own = modelPoolNames.filter((name) => pools[name].name === name);
  return await Promise.all(
    own.map(async (name) => {
      const pool = await openReplicaPool(pools[name], silentObserver);
      await pool.start();
      const replicas = pool.replicas.map((replica) => toStatus(pool, replica));
      pool.close();
      return { pool: name, replicas };
    }),
  );
}

import { OpenAI } from 'openai';
import { createModelServer } from '../../activities/model/adapters/model-server.ts';
import { createDnsReplicas } from '../../activities/model/adapters/replicas-dns.ts';
import { createStaticReplicas } from '../../activities/model/adapters/replicas-static.ts';
import type { PoolObserver } from '../../activities/model/pool/observer.ts';
import type { ReplicaDiscovery } from '../../activities/model/pool/ports.ts';
import { ReplicaPool } from '../../activities/model/pool/replica-pool.ts';
import type { ReplicaSource } from '../../domain/pool/pool-config.ts';
import type { ConfiguredPool } from '../compose/model-pools.ts';
import { modelTimeoutMs } from './model-timeout.ts';

async function createDiscovery(source: ReplicaSource): Promise<ReplicaDiscovery> {
  if (source.static !== undefined) return createStaticReplicas(source.static);
  if (source.dns !== undefined) return createDnsReplicas(source.dns);
  if (source.kubernetes === undefined) throw new TypeError('the pool has no source of replicas');
  const { createKubernetesReplicas } = await import('../../activities/model/adapters/replicas-kubernetes.ts');
  return createKubernetesReplicas(source.kubernetes);
}

/** A pool over the servers that its configuration names. */
export async function openReplicaPool(configured: ConfiguredPool, observer: PoolObserver): Promise<ReplicaPool> {
  const { name, pool, apiKey } = configured;
  return new ReplicaPool({
    name,
    pool,
    observer,
    now: () => Date.now(),
    discovery: await createDiscovery(pool.replicas),
    openServer: ({ url }) => {
      // Servers without keys want the header all the same.
      const client = new OpenAI({ baseURL: url, apiKey: apiKey ?? 'none', maxRetries: 0, timeout: modelTimeoutMs });
      return createModelServer({ client, url, pool, apiKey });
    },
  });
}

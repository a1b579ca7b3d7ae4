import type { ReplicaSource } from '../../../domain/pool/pool-config.ts';
import type { ReplicaDiscovery } from '../pool/ports.ts';

/** A replica's name when the configuration gives none: its host and port, which prefixes outlive a restart of the worker by. */
function toReplicaId(url: string): string {
  const { host, protocol } = new URL(url);
  return /:\d+$/u.test(host) ? host : `${host}:${protocol === 'https:' ? 443 : 80}`;
}

/** The replicas that the configuration lists. */
export function createStaticReplicas(list: NonNullable<ReplicaSource['static']>): ReplicaDiscovery {
  const addresses = list.map(({ id, url, weight, drain }) => ({ id: id ?? toReplicaId(url), url, weight, drain }));
  return { find: async () => addresses, refreshMs: null };
}

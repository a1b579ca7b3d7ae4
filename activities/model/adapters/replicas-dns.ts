import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import type { ReplicaSource } from '../../../domain/pool/pool-config.ts';
import type { ReplicaDiscovery } from '../pool/ports.ts';

/** Resolves a name to all of its addresses. */
export type Resolve = (name: string) => Promise<readonly { readonly address: string }[]>;

/** As the host resolves names, its hosts file included. */
const resolveAll: Resolve = (name) => lookup(name, { all: true });

/** Every address of a DNS name is a replica. */
export function createDnsReplicas(
  source: NonNullable<ReplicaSource['dns']>,
  resolve: Resolve = resolveAll,
): ReplicaDiscovery {
  const { name, port, scheme, path, refreshMs } = source;
  return {
    refreshMs,
    find: async (signal) => {
      const found = await resolve(name);
      signal.throwIfAborted();
      const hosts = [...new Set(found.map(({ address }) => (isIPv6(address) ? `[${address}]` : address)))].toSorted();
      return hosts.map((host) => ({
        id: `${host}:${port}`,
        url: `${scheme}://${host}:${port}${path}`,
        weight: 1,
        drain: false,
      }));
    },
  };
}

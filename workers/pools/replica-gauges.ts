import { Gauge, type Registry } from 'prom-client';
import type { ReplicaPool } from '../../activities/model/pool/replica-pool.ts';

type Replica = ReplicaPool['replicas'][number];

/** What is read of each replica at a scrape; null: not known. */
type Reading = readonly [help: string, read: (replica: Replica, pool: ReplicaPool) => number | null];

const readings: Readonly<Record<string, Reading>> = {
  longhaul_replica_up: [
    '1 while the replica is asked',
    (replica, { ports }) => (replica.state(ports.now()) === 'up' ? 1 : 0),
  ],
  longhaul_replica_in_flight: ['calls of this worker', (replica) => replica.inFlight()],
  longhaul_replica_running: ['requests that the server runs', ({ load }) => load?.running ?? null],
  longhaul_replica_waiting: ['requests that wait at the server', ({ load }) => load?.waiting ?? null],
  longhaul_replica_kv_usage: ['part of the KV cache that running requests hold', ({ load }) => load?.kvUsage ?? null],
  longhaul_replica_prefix_queried_tokens: [
    'tokens looked up in the prefix cache',
    ({ load }) => load?.prefixQueriedTokens ?? null,
  ],
  longhaul_replica_prefix_hit_tokens: ['of these, tokens found', ({ load }) => load?.prefixHitTokens ?? null],
  longhaul_replica_preemptions: [
    'requests that lost their KV cache to others',
    ({ load }) => load?.preemptions ?? null,
  ],
  longhaul_replica_committed_tokens: [
    'KV cache set aside for the runs that are there',
    ({ id }, { admission }) => admission.committedTokens(id),
  ],
};

/** Reads the state of a pool's replicas at each scrape. */
export function watchReplicas(registry: Registry, pool: ReplicaPool): void {
  const registers = [registry];
  const { name } = pool.ports;
  for (const [metric, [help, read]] of Object.entries(readings)) {
    const gauge: Gauge<'pool' | 'replica'> = new Gauge({
      name: metric,
      help,
      labelNames: ['pool', 'replica'],
      registers,
      collect: () => {
        // A replica that is gone has no series.
        gauge.reset();
        for (const replica of pool.replicas) {
          const value = read(replica, pool);
          if (value !== null) gauge.set({ pool: name, replica: replica.id }, value);
        }
      },
    });
  }
  const residents: Gauge<'pool' | 'state'> = new Gauge({
    name: 'longhaul_pool_resident_runs',
    help: 'runs that hold a KV cache, as this worker knows',
    labelNames: ['pool', 'state'],
    registers,
    collect: () => {
      const all = pool.admission.residents();
      const parked = all.filter((resident) => resident.parked).length;
      residents.set({ pool: name, state: 'running' }, all.length - parked);
      residents.set({ pool: name, state: 'parked' }, parked);
    },
  });
}

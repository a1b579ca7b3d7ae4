import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { EndedCall, PoolObserver } from '../../activities/model/pool/observer.ts';
import type { ReplicaPool } from '../../activities/model/pool/replica-pool.ts';
import type { ModelPoolName } from '../../domain/pool/pool-config.ts';
import { createPoolSeries, type PoolSeries } from './pool-series.ts';
import { watchReplicas } from './replica-gauges.ts';

/** Runs that have series of their own at most; the one that has been quiet the longest loses them first. */
const maxRuns = 200;

/** Metrics of a worker's pools, for Prometheus. */
export interface PoolMetrics {
  readonly observerOf: (pool: ModelPoolName) => PoolObserver;
  readonly watch: (pool: ReplicaPool) => void;
  readonly noteQueued: (lane: string, priority: number, seconds: number) => void;
  /** The exposition. */
  readonly text: () => Promise<string>;
}

interface RunLabels {
  readonly pool: string;
  readonly run: string;
  readonly tenant: string;
}

/** Labels of a run, known from its first call on. */
type LabelsOf = (pool: string, run: string, tenant: string) => RunLabels;

function createRunLabels(series: PoolSeries): LabelsOf {
  const perRun = [...Object.values(series.run), series.runFirstByte];
  const cache = new LRUCache<string, RunLabels>({
    max: maxRuns,
    dispose: (labels) => {
      for (const each of perRun) each.remove({ ...labels });
    },
  });
  return (pool, run, tenant) => {
    const key = `${pool}/${run}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const labels = { pool, run, tenant };
    cache.set(key, labels);
    return labels;
  };
}

function noteCall(series: PoolSeries, labels: RunLabels, call: EndedCall): void {
  const { replica, reason, failure, firstByteMs, totalMs, usage, costMicroUsd } = call;
  const at = { pool: labels.pool, replica };
  const run = { ...labels };
  series.pool.calls.inc({ ...at, outcome: failure ?? 'ok' });
  series.pool.choices.inc({ ...at, reason });
  series.times.duration.observe(at, totalMs / 1_000);
  series.run.calls.inc(run);
  if (firstByteMs !== null) {
    series.times.firstByte.observe(at, firstByteMs / 1_000);
    series.runFirstByte.set(run, firstByteMs / 1_000);
  }
  if (costMicroUsd !== null) {
    series.pool.cost.inc(at, costMicroUsd);
    series.run.cost.inc(run, costMicroUsd);
  }
  if (usage === null) return;
  series.pool.input.inc(at, usage.inputTokens);
  series.pool.cached.inc(at, usage.cachedTokens);
  series.pool.output.inc(at, usage.outputTokens);
  series.run.input.inc(run, usage.inputTokens);
  series.run.cached.inc(run, usage.cachedTokens);
}

/** Metrics for Prometheus; moves and changes of replicas in the log, too. */
export function createPoolMetrics(logger: Logger): PoolMetrics {
  const registry = new Registry();
  const series = createPoolSeries(registry);
  const labelsOf = createRunLabels(series);
  const observerOf = (pool: ModelPoolName): PoolObserver => ({
    moved: ({ run, tenant, from, to, reason }) => {
      series.pool.moves.inc({ pool, from, to, reason });
      series.run.moves.inc({ ...labelsOf(pool, run, tenant) });
      logger.info({ pool, run, from, to, reason }, 'a run goes on at another replica');
    },
    spoiled: ({ run, message }) => {
      series.pool.spoiled.inc({ pool });
      logger.warn({ pool, run, message }, 'a prompt does not extend the one before it');
    },
    parked: (run) => {
      series.pool.parked.inc({ pool });
      logger.info({ pool, run }, 'a run waits for room in the KV cache');
    },
    changed: ({ replica, state }) => logger.warn({ pool, replica, state }, 'a replica changed its state'),
    ended: (call) => noteCall(series, labelsOf(pool, call.run, call.tenant), call),
  });
  return {
    observerOf,
    watch: (pool) => watchReplicas(registry, pool),
    noteQueued: (lane, priority, seconds) => series.times.queue.observe({ lane, priority }, seconds),
    text: () => registry.metrics(),
  };
}

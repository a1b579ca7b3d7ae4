import { promptsOf } from '../../domain/pool/cost-model.ts';
import { referenceRun, replicaTokens, serving, usableTokens } from '../prefill/workload.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { type Bound, findViolations } from '../support/bounds.ts';
import { mean, round } from '../support/statistics.ts';
import { fairWaits } from './fair-share.ts';
import { offer, tenantShares, underWay } from './offered-load.ts';
import { type Arrival, type Dispatch, type EndedRun, OverloadSimulation, type PoolSetup } from './simulate.ts';

/** How large the bench is. */
export interface OverloadOptions {
  readonly seeds: number;
}

const replicas = 8;
const turns = 300;
const toolSeconds = 5;
const forSeconds = 30_000;
const loads = [1, 2, 3, 4] as const;
const tenants = Object.keys(tenantShares);

const run = { ...referenceRun, turns };
const prompts = [...promptsOf(run, { keep: 5, batch: 12, pressureTokens: usableTokens }, usableTokens)];
const contextTokens = mean(prompts.map(({ promptTokens }) => promptTokens));

const setup: PoolSetup = {
  replicas,
  kvTokens: replicaTokens,
  serving,
  run,
  prompts,
  toolSeconds,
  untilSeconds: forSeconds,
  expectedShare: 1,
  reserve: 0.05,
};
/** The pool is as full at the start as admission would make it. */
const begun = Math.floor(replicas * (replicaTokens / contextTokens) * (1 - setup.reserve));

/** One dispatch of one offered load. */
interface Outcome {
  readonly goodput: number;
  readonly preemptions: number;
  readonly cachedShare: number;
  /** Of runs that were submitted during the watch, in seconds. */
  readonly completion: number;
  /** From the beginning of a run to its end. */
  readonly duration: number;
  readonly waits: ReadonlyMap<string, number>;
  readonly completions: ReadonlyMap<string, number>;
}

function meanBy(ended: readonly EndedRun[], secondsOf: (run: EndedRun) => number): ReadonlyMap<string, number> {
  return new Map(
    tenants.map((tenant) => [tenant, mean(ended.filter((each) => each.tenant === tenant).map(secondsOf))]),
  );
}

function simulate(arrivals: readonly Arrival[], dispatch: Dispatch, change: Partial<PoolSetup> = {}): Outcome {
  const figures = new OverloadSimulation({ ...setup, ...change }, dispatch).run(arrivals);
  const ended = figures.ended.filter(({ tenant }) => tenant !== underWay);
  return {
    goodput: figures.turns / forSeconds,
    preemptions: figures.preemptions,
    cachedShare: figures.cachedShare,
    completion: mean(ended.map(({ submittedAt, endedAt }) => endedAt - submittedAt)),
    duration: mean(ended.map(({ beganAt, endedAt }) => endedAt - beganAt)),
    waits: meanBy(ended, ({ submittedAt, beganAt }) => beganAt - submittedAt),
    completions: meanBy(ended, ({ submittedAt, endedAt }) => endedAt - submittedAt),
  };
}

/** One offered load under both dispatches, and what each tenant's fair share would have been. */
interface Comparison {
  readonly admitted: Outcome;
  readonly direct: Outcome;
  readonly fair: ReadonlyMap<string, number>;
}

function compare(capacity: number, load: number, seed: number): Comparison {
  const perSecond = (load * capacity) / turns;
  const arrivals = offer({ perSecond, forSeconds, underWay: begun, turns, seed: seed * 7_919 + load });
  const submitted = arrivals.filter(({ tenant }) => tenant !== underWay);
  return {
    admitted: simulate(arrivals, 'admitted'),
    direct: simulate(arrivals, 'direct'),
    fair: fairWaits(submitted, capacity / turns),
  };
}

/** Settings of admission from lavish to careful: the best of them is what the pool can do. */
const capacitySettings: readonly Partial<PoolSetup>[] = [0.7, 0.85, 1, 1.15].flatMap((expectedShare) =>
  [0, 0.03, 0.06].map((reserve) => ({ expectedShare, reserve })),
);

/** Turns a second with always somebody waiting, under the best settings for that: the peak, and what load is counted in. */
function measurePeak(): number {
  const arrivals = offer({ perSecond: 1 / 40, forSeconds, underWay: begun, turns, seed: 1 });
  return Math.max(...capacitySettings.map((change) => simulate(arrivals, 'admitted', change).goodput));
}

/** A tenant's seconds summed over the seeds. */
function total(comparisons: readonly Comparison[], secondsOf: (comparison: Comparison) => number | undefined): number {
  return comparisons.reduce((sum, comparison) => sum + (secondsOf(comparison) ?? Number.NaN), 0);
}

/** The worst tenant's time from submission to end, over what it would be at its fair share. */
function worstCompletionShare(comparisons: readonly Comparison[], of: 'admitted' | 'direct'): number {
  const shares = tenants.map((tenant) => {
    const actual = total(comparisons, (each) => each[of].completions.get(tenant));
    return actual / total(comparisons, ({ fair, admitted }) => (fair.get(tenant) ?? 0) + admitted.duration);
  });
  return Math.max(...shares);
}

/** The worst tenant's wait for its entry, over that at its fair share; for loads under which everybody waits. */
function worstWaitShare(comparisons: readonly Comparison[]): number {
  const shares = tenants.map((tenant) => {
    const actual = total(comparisons, ({ admitted }) => admitted.waits.get(tenant));
    return actual / total(comparisons, ({ fair }) => fair.get(tenant));
  });
  return Math.max(...shares);
}

function describe(load: number, comparisons: readonly Comparison[], peak: number) {
  const meanOf = (of: 'admitted' | 'direct', field: 'goodput' | 'completion' | 'duration' | 'cachedShare'): number =>
    mean(comparisons.map((each) => each[of][field]));
  const preemptionsOf = (of: 'admitted' | 'direct'): number => total(comparisons, (each) => each[of].preemptions);
  return {
    load,
    goodput: round(meanOf('admitted', 'goodput')),
    goodputOverPeak: round(meanOf('admitted', 'goodput') / peak),
    fcfsGoodput: round(meanOf('direct', 'goodput')),
    meanCompletionSeconds: Math.round(meanOf('admitted', 'completion')),
    fcfsMeanCompletionSeconds: Math.round(meanOf('direct', 'completion')),
    meanCompletionOverFcfs: round(meanOf('admitted', 'completion') / meanOf('direct', 'completion')),
    runSeconds: Math.round(meanOf('admitted', 'duration')),
    worstTenantShare: round(worstCompletionShare(comparisons, 'admitted')),
    fcfsWorstTenantShare: round(worstCompletionShare(comparisons, 'direct')),
    preemptions: preemptionsOf('admitted'),
    fcfsPreemptions: preemptionsOf('direct'),
    cachedShare: round(meanOf('admitted', 'cachedShare'), 4),
    fcfsCachedShare: round(meanOf('direct', 'cachedShare'), 4),
  };
}

/**
 * A pool that is asked for one to four times what it can do, by three tenants of which one asks for most: admission and the engine's queue
 * against dispatch of every run at once to the replicas' own queues. Simulated.
 */
export async function runOverloadBench({ report, signal }: BenchContext, { seeds }: OverloadOptions) {
  const peak = measurePeak();
  report(`the pool does ${round(peak)} turns a second at best, with always somebody waiting`);
  const byLoad = loads.map((load) => {
    const comparisons = Array.from({ length: seeds }, (_, index) => {
      signal.throwIfAborted();
      report(`load ${load}, seed ${index + 1} of ${seeds}`);
      return compare(peak, load, index + 1);
    });
    return { load, comparisons };
  });
  const rows = byLoad.map(({ load, comparisons }) => describe(load, comparisons, peak));
  const heaviest = byLoad.at(-1)?.comparisons ?? [];
  const figures = {
    goodputOverPeak: Math.min(...rows.map(({ goodputOverPeak }) => goodputOverPeak)),
    meanCompletionOverFcfs: rows.at(-1)?.meanCompletionOverFcfs ?? Number.NaN,
    worstTenantShare: round(Math.max(worstWaitShare(heaviest), ...rows.map((row) => row.worstTenantShare))),
    preemptions: rows.reduce((sum, row) => sum + row.preemptions, 0),
  };
  const bounds: Bound[] = [
    ...rows.map(({ load, goodputOverPeak }) => ({
      field: `loads.${load}.goodputOverPeak`,
      value: goodputOverPeak,
      atLeast: 0.95,
    })),
    { field: 'meanCompletionOverFcfs', value: figures.meanCompletionOverFcfs, atMost: 0.5 },
    { field: 'worstTenantShare', value: figures.worstTenantShare, atMost: 2 },
  ];
  const violations = findViolations(bounds);
  return {
    bench: 'overload' as const,
    ok: violations.length === 0,
    violations,
    simulated: true as const,
    ...figures,
    worstTenantWaitAtHeaviest: round(worstWaitShare(heaviest)),
    preemptionsPerThousandTurns: round((1_000 * figures.preemptions) / (seeds * peak * forSeconds * loads.length)),
    peakTurnsPerSecond: round(peak),
    loads: rows,
    pool: { replicas, cacheTokens: replicaTokens, turns, toolSeconds, forSeconds, seeds, tenants: tenantShares },
  };
}

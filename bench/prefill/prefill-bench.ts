import { prefillFlops, promptsOf, type RunShape, type TurnPrompt } from '../../domain/pool/cost-model.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { findViolations } from '../support/bounds.ts';
import { round } from '../support/statistics.ts';
import { peerPrompts } from './peer.ts';
import { type Fleet, FleetSimulation, type PrefillFigures, type Routing } from './simulate.ts';
import { idealTokens, referenceRun, replicaTokens, serving, usableTokens } from './workload.ts';

/** How large the bench is. */
export interface PrefillOptions {
  readonly turns: number;
  readonly seed: number;
}

const keep = 5;
const fleetSize = { replicas: 8, runs: 32 } as const;

/** Prompts of a run whose observations are masked in batches. */
function batched(run: RunShape, batch: number): TurnPrompt[] {
  return [...promptsOf(run, { keep, batch, pressureTokens: usableTokens }, usableTokens)];
}

/** Operations of the ideal: every observation once, behind the context that K = 5 keeps. */
function idealFlops(run: RunShape, prompts: readonly TurnPrompt[]): number {
  return prompts.reduce((sum, { promptTokens, turn }) => {
    const fresh = turn === 1 ? promptTokens : run.observationTokens;
    return sum + prefillFlops(serving.model, fresh, promptTokens - fresh);
  }, 0);
}

/** What a row of the result says. */
function describe(figures: PrefillFigures, ideal: { readonly tokens: number; readonly flops: number }) {
  const { runs } = fleetSize;
  return {
    prefillMtokPerRun: round(figures.prefillTokens / runs / 1e6),
    overIdeal: round(figures.prefillTokens / ideal.tokens),
    flopsOverIdeal: round(figures.prefillFlops / ideal.flops),
    cachedShare: round(figures.cachedShare, 4),
    contextTokens: Math.round(figures.contextTokens),
    turns: figures.turns,
    evictedBlocks: figures.evictedBlocks,
    turnsThatWaited: figures.parked,
  };
}

/**
 * What a pool must prefill, by retention and routing: 32 runs of 600 turns over eight replicas with block caches of finite size.
 *
 * Caches are simulated exactly, block by block; which run enters and where it goes is decided by the code that the worker runs.
 */
export async function runPrefillBench({ report, signal }: BenchContext, { turns, seed }: PrefillOptions) {
  const run = { ...referenceRun, turns };
  const fleet: Fleet = {
    ...fleetSize,
    cache: { tokens: replicaTokens, blockTokens: 16 },
    model: serving.model,
    startRounds: turns,
    replyTokens: run.replyTokens,
    commonTokens: 0,
    seed,
  };
  const slide = batched(run, 1);
  const ideal = { tokens: fleet.runs * idealTokens(run), flops: fleet.runs * idealFlops(run, slide) };
  const simulate = (name: string, prompts: readonly TurnPrompt[], routing: Routing) => {
    signal.throwIfAborted();
    report(`${name}: ${fleet.runs} runs of ${prompts.length} turns`);
    return describe(new FleetSimulation(fleet, prompts, routing).run(), ideal);
  };
  report("the peer's own agent, played for one run");
  const peer = await peerPrompts(run);
  const rows = {
    k5Random: simulate('K = 5, random', slide, 'random'),
    k5Affine: simulate('K = 5, affine', slide, 'affine'),
    batchedAffine: simulate('batches of 12, affine', batched(run, 12), 'affine'),
    batched8Affine: simulate('batches of 8, affine', batched(run, 8), 'affine'),
    batchedRandom: simulate('batches of 12, random', batched(run, 12), 'random'),
    pressureOnly: simulate('only under pressure, affine', batched(run, Number.POSITIVE_INFINITY), 'affine'),
    peerAffine: simulate('the peer, affine', peer, 'affine'),
  };
  const { k5Affine, batchedAffine } = rows;
  const figures = {
    batchedAffineOverIdeal: batchedAffine.overIdeal,
    k5AffineOverBatched: round(k5Affine.prefillMtokPerRun / batchedAffine.prefillMtokPerRun),
    cachedShare: batchedAffine.cachedShare,
    avgContextOverK5: round(batchedAffine.contextTokens / k5Affine.contextTokens),
    flopsOverIdeal: batchedAffine.flopsOverIdeal,
    peerOverIdeal: rows.peerAffine.overIdeal,
  };
  const violations = findViolations([
    { field: 'batchedAffineOverIdeal', value: figures.batchedAffineOverIdeal, atMost: 1.6 },
    { field: 'k5AffineOverBatched', value: figures.k5AffineOverBatched, atLeast: 3 },
    { field: 'cachedShare', value: figures.cachedShare, atLeast: 0.95 },
    { field: 'avgContextOverK5', value: figures.avgContextOverK5, atMost: 1.2 },
  ]);
  return {
    bench: 'prefill' as const,
    ok: violations.length === 0,
    violations,
    simulated: true as const,
    ...figures,
    idealMtokPerRun: round(idealTokens(run) / 1e6),
    rows,
    fleet: { ...fleetSize, cacheTokens: replicaTokens, blockTokens: fleet.cache.blockTokens, seed },
    run,
  };
}

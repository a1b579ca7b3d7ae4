import { withArena } from './arena.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { findViolations } from '../support/bounds.ts';
import { createCpuAccount } from '../support/cpu-time.ts';
import { readModelLog } from '../support/server-logs.ts';
import { mean, median, round, toSpread } from '../support/statistics.ts';
import { readTurnTimes, runWorkload } from '../support/workload.ts';

/** How large the bench is; the defaults are what is claimed. */
export interface OverheadOptions {
  /** Turns of the single run, and its pairs. */
  readonly turns: number;
  readonly pairs: number;
  /** Concurrent runs, the turns of each, and their pairs. */
  readonly runs: number;
  readonly runTurns: number;
  readonly runPairs: number;
}

const ratioLimit = 1.15;
const throughputLimit = 0.9;

/** Ours and the peer's side of one measurement. */
interface Pair {
  readonly ours: number;
  readonly bare: number;
}

/** Both sides of a turn, one after the other; who begins changes from pair to pair. */
async function runPairs(
  count: number,
  sides: { readonly ours: () => Promise<number>; readonly bare: () => Promise<number> },
  report: (pair: Pair, index: number) => void,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < count; index += 1) {
    let pair: Pair;
    if (index % 2 === 0) {
      const ours = await sides.ours();
      pair = { ours, bare: await sides.bare() };
    } else {
      const bare = await sides.bare();
      pair = { ours: await sides.ours(), bare };
    }
    pairs.push(pair);
    report(pair, index);
  }
  return pairs;
}

/** One run at a time: milliseconds a turn, ours and the peer's. */
async function measureSingle(context: BenchContext, { turns, pairs }: OverheadOptions) {
  const { signal, report } = context;
  return withArena(context, { name: 'single', turns }, async ({ stage, peer, modelUrl }) => {
    const last = { ours: '', bare: '' };
    const cpu = { ours: createCpuAccount(await stage.pids()), bare: createCpuAccount(peer.pids) };
    const sides = {
      ours: async () => {
        const run = await cpu.ours.during(() => runWorkload(stage, { signal, turns }));
        last.ours = run.runId;
        return mean(await readTurnTimes(modelUrl, last.ours, turns));
      },
      bare: async () => {
        last.bare = await cpu.bare.during(() => peer.run({ signal, turns }));
        return mean(await readTurnTimes(modelUrl, last.bare, turns));
      },
    };
    const measured = await runPairs(pairs, sides, ({ ours, bare }, index) => {
      const ratio = (ours / bare).toFixed(3);
      report(`pair ${index + 1} of ${pairs}: ${ours.toFixed(1)} ms a turn, bare ${bare.toFixed(1)} ms, ratio ${ratio}`);
    });
    const steps = 2 * turns;
    const cpuMsPerStep = { ours: cpu.ours.medianMs() / steps, bare: cpu.bare.medianMs() / steps };
    return { pairs: measured, cpuMsPerStep, sameRequests: await areRequestsEqual(modelUrl, last) };
  });
}

/** Did both sides send the same request bodies in the same order? */
async function areRequestsEqual(modelUrl: string, runs: { ours: string; bare: string }): Promise<boolean> {
  const log = await readModelLog(modelUrl);
  const digestsOf = (session: string) =>
    log.filter((entry) => entry.session === session).map((entry) => `${entry.digest} ${entry.bodyBytes}`);
  const [ours, bare] = [digestsOf(runs.ours), digestsOf(runs.bare)];
  return ours.length > 0 && ours.length === bare.length && ours.every((digest, index) => digest === bare[index]);
}

/** How often a second `runOnce` ends, when as many as `runs` begin at once. */
async function measureRate(runs: number, runOnce: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: runs }, runOnce));
  return runs / ((performance.now() - startedAt) / 1_000);
}

/** Many runs at once: turns a second, ours and the peer's. */
async function measureThroughput(context: BenchContext, { runs, runTurns: turns, runPairs: pairs }: OverheadOptions) {
  const { signal, report } = context;
  return withArena(context, { name: 'many', turns }, async ({ stage, peer }) => {
    const sides = {
      ours: async () => turns * (await measureRate(runs, () => runWorkload(stage, { signal, turns: turns * runs }))),
      bare: async () => turns * (await measureRate(runs, () => peer.run({ signal, turns: turns * runs }))),
    };
    return runPairs(pairs, sides, ({ ours, bare }, index) => {
      const ratio = (ours / bare).toFixed(3);
      report(`pair ${index + 1} of ${pairs}: ${ours.toFixed(1)} turns/s, bare ${bare.toFixed(1)}, ratio ${ratio}`);
    });
  });
}

const ratiosOf = (pairs: readonly Pair[]): number[] => pairs.map(({ ours, bare }) => ours / bare);

/** What Longhaul adds to the engine: the same turns through our pools and bare on the same server. */
export async function runOverheadBench(context: BenchContext, options: OverheadOptions) {
  context.report(`one run of ${options.turns} turns, ${options.pairs} alternated pairs`);
  const single = await measureSingle(context, options);
  context.report(`${options.runs} runs of ${options.runTurns} turns at once, ${options.runPairs} alternated pairs`);
  const many = await measureThroughput(context, options);
  const ratioToBareTemporal = round(median(ratiosOf(single.pairs)));
  const throughputRatio = round(median(ratiosOf(many)));
  const violations = findViolations([
    { field: 'ratioToBareTemporal', value: ratioToBareTemporal, atMost: ratioLimit },
    { field: 'throughputRatio', value: throughputRatio, atLeast: throughputLimit },
  ]);
  if (!single.sameRequests) violations.push('sameRequests is false: both sides must send the same request bodies');
  return {
    bench: 'overhead' as const,
    ok: violations.length === 0,
    violations,
    ratioToBareTemporal,
    throughputRatio,
    pairs: options.pairs,
    spread: toSpread(ratiosOf(single.pairs)),
    turnsPerRun: options.turns,
    msPerTurn: round(median(single.pairs.map(({ ours }) => ours)), 1),
    bareMsPerTurn: round(median(single.pairs.map(({ bare }) => bare)), 1),
    /** CPU time of each side's processes for one of the run's steps. */
    cpuMsPerStep: { ours: round(single.cpuMsPerStep.ours, 2), bare: round(single.cpuMsPerStep.bare, 2) },
    sameRequests: single.sameRequests,
    throughput: {
      pairs: options.runPairs,
      spread: toSpread(ratiosOf(many)),
      runs: options.runs,
      turnsPerRun: options.runTurns,
      turnsPerSecond: round(median(many.map(({ ours }) => ours)), 1),
      bareTurnsPerSecond: round(median(many.map(({ bare }) => bare)), 1),
    },
    continueAsNewAtEvents: { ours: 690, bare: 690 },
  };
}

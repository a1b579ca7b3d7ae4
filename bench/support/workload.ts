import type { Stage } from './stage.ts';
import { benchProfile } from './profile.ts';
import type { SubmittedRun } from './runs.ts';
import { readModelLog } from './server-logs.ts';
import { toGaps } from './statistics.ts';
import { within } from './waiting.ts';

/** Longest that a turn may take, in milliseconds: far more than any that is not stuck. */
const turnLimitMs = 1_000;

/** How a run is made: the model ends it after its own number of turns, `maxTurns` may end it before. */
export interface RunRequest {
  readonly signal: AbortSignal;
  /** Turns that are made until it ends, by all runs that are made at once: bounds the wait. */
  readonly turns: number;
  readonly maxTurns?: number;
}

/** How long to wait for a run's end, in milliseconds. */
export function toLimitMs({ turns }: Pick<RunRequest, 'turns'>): number {
  return 60_000 + turns * turnLimitMs;
}

/** One run of the workload through our pools, to its end. */
export async function runWorkload(stage: Stage, { signal, turns, maxTurns }: RunRequest): Promise<SubmittedRun> {
  const run = await stage.runs.submit(
    benchProfile({ tools: ['bench'], ...(maxTurns === undefined ? {} : { maxTurns }) }),
  );
  const limitMs = toLimitMs({ turns });
  await within(stage.runs.waitForAnswer(run), { signal, limitMs, what: `the end of a run of ${turns} turns` });
  return run;
}

/** Turns of the run that warms up processes and database. */
export const warmUpTurns = 20;

/** A short run whose turns are not counted. */
export function warmUp(stage: Stage, signal: AbortSignal): Promise<SubmittedRun> {
  return runWorkload(stage, { signal, turns: warmUpTurns, maxTurns: warmUpTurns });
}

/** A run's turns in milliseconds: gaps between the starts of consecutive model calls, from the model server's log. */
export async function readTurnTimes(modelUrl: string, runId: string, turns: number): Promise<number[]> {
  const arrivals = (await readModelLog(modelUrl)).filter((entry) => entry.session === runId).map((entry) => entry.at);
  const gaps = toGaps(arrivals.slice(0, turns + 1));
  if (gaps.length !== turns) throw new Error(`run ${runId} has ${gaps.length} timed turns, ${turns} were expected`);
  return gaps;
}

import { setTimeout as delay } from 'node:timers/promises';
import { createRandom, type Random } from '../../support/random.ts';
import type { CampaignContext, CampaignOptions, CampaignResult } from '../support/campaign.ts';
import { type Arena, type ArenaOptions, withArena } from './arena.ts';
import { judgeRun, type Verdict } from './invariants.ts';
import { findOrphans } from './processes-left.ts';
import { submitWatched, type WatchedRun } from './watched-run.ts';
import { effectfulQuestion, steadyQuestion } from './workload.ts';

/** What a fault's maker has at hand while runs work. */
export interface Scene {
  readonly arena: Arena;
  readonly random: Random;
  /** Faults still to be made. */
  readonly points: number;
  /** The runs that work now; the first one is steady. */
  readonly runs: readonly WatchedRun[];
  readonly hasEnded: () => boolean;
  /** Tells that one fault took effect. */
  readonly fire: (what: string) => void;
  /** Waits for `steps` new records of any run: work goes on. `false` when all runs ended before. */
  readonly progress: (steps: number) => Promise<boolean>;
  readonly pause: (ms: number) => Promise<void>;
}

/** One campaign: what is disturbed, and how. */
export interface FaultPlan {
  readonly campaign: string;
  /** Faults of the short form and of the long one. */
  readonly points: { readonly short: number; readonly full: number };
  readonly arena: ArenaOptions;
  /** Equal runs at once. */
  readonly steadyRuns: number;
  /** Beside them a run whose tools do not deduplicate. */
  readonly withEffectful: boolean;
  /** Model requests beyond one a recorded call that a run may have for each fault; null: as many as it takes. */
  readonly extraCallsEach: number | null;
  /** Makes up to `points` faults, until then or until the runs end; whatever it broke works again when it is done. */
  readonly disturb: (scene: Scene) => Promise<void>;
}

/** The last line of a fault campaign. */
export interface FaultResult extends CampaignResult {
  readonly lost: number;
  readonly repeated: number;
  readonly digestEqual: boolean;
  readonly points: number;
  readonly rounds: number;
  readonly steps: number;
  readonly extraModelCalls: number;
  readonly extraToolCalls: number;
  readonly outcomeUnknown: number;
  /** What is broken, in words; the first 20. */
  readonly problems: readonly string[];
}

/** Longest that a run may take without faults, and how much each fault may add, in milliseconds. */
const runMs = 300_000;
const faultMs = 30_000;
/** How long no step may be recorded while nothing is broken. */
const stuckMs = 120_000;
/** Rounds that may pass without a fault before the campaign is given up. */
const idleRounds = 3;

class Tally {
  readonly problems: string[] = [];
  fired = 0;
  rounds = 0;
  steps = 0;
  lost = 0;
  repeated = 0;
  extraModelCalls = 0;
  extraToolCalls = 0;
  outcomeUnknown = 0;
  digestEqual = true;

  add(verdict: Verdict): void {
    this.steps += verdict.steps;
    this.lost += verdict.lost;
    this.repeated += verdict.repeated;
    this.extraModelCalls += verdict.extraModelCalls;
    this.extraToolCalls += verdict.extraToolCalls;
    this.outcomeUnknown += verdict.outcomeUnknown;
    this.problems.push(...verdict.problems);
  }
}

/** Runs a plan: an undisturbed run first, then disturbed ones until the faults are made, each judged at its end. */
export async function runFaultCampaign(
  context: CampaignContext,
  options: CampaignOptions,
  plan: FaultPlan,
): Promise<FaultResult> {
  const points = options.points ?? (options.full ? plan.points.full : plan.points.short);
  const tally = new Tally();
  const marks = await withArena(context, plan.arena, async (arena) => {
    context.report(`${plan.campaign}: the arena stands; an undisturbed run first`);
    const control = await runUndisturbed(arena);
    if (control.steps < plan.arena.turns) tally.problems.push('the undisturbed run is shorter than its workload');
    const random = createRandom(options.seed);
    for (let idle = 0; tally.fired < points && idle < idleRounds && tally.problems.length === 0;) {
      const before = tally.fired;
      await runRound({ arena, plan, random, tally, control, points });
      idle = tally.fired === before ? idle + 1 : 0;
      context.report(`round ${tally.rounds}: ${tally.fired} of ${points} faults, ${tally.problems.length} problems`);
    }
    return [arena.mark, arena.sandboxDirectory];
  });
  tally.problems.push(...(await findOrphans(marks)));
  for (const problem of tally.problems) context.report(problem);
  return toResult(plan, { points, seed: options.seed }, tally);
}

function toResult(
  plan: FaultPlan,
  asked: { readonly points: number; readonly seed: number },
  tally: Tally,
): FaultResult {
  const { problems, ...counts } = tally;
  const violations = problems.length + counts.lost + counts.repeated + (counts.digestEqual ? 0 : 1);
  const ok = violations === 0 && counts.fired >= asked.points;
  return { campaign: plan.campaign, ...asked, ...counts, violations, problems: problems.slice(0, 20), ok };
}

async function runUndisturbed(arena: Arena): Promise<Verdict> {
  const watched = await submitWatched(arena, steadyQuestion, runMs);
  await watched.ended;
  const verdict = await judgeRun(arena, watched);
  if (verdict.problems.length === 0 && verdict.extraModelCalls === 0 && verdict.digest !== null) return verdict;
  throw new Error(`the undisturbed run is not whole: ${verdict.problems.join('; ')}`);
}

interface Round {
  readonly arena: Arena;
  readonly plan: FaultPlan;
  readonly random: Random;
  readonly tally: Tally;
  readonly control: Verdict;
  readonly points: number;
}

async function runRound({ arena, plan, random, tally, control, points }: Round): Promise<void> {
  tally.rounds += 1;
  const firedBefore = tally.fired;
  const limitMs = runMs + (points - firedBefore) * faultMs;
  const questions = Array.from({ length: plan.steadyRuns }, () => steadyQuestion);
  if (plan.withEffectful) questions.push(effectfulQuestion);
  const runs = await Promise.all(questions.map((question) => submitWatched(arena, question, limitMs)));
  const fire = (what: string): void => {
    tally.fired += 1;
    arena.context.report(`fault ${tally.fired} of ${points}: ${what}`);
  };
  await plan.disturb(createScene({ arena, random, points: points - firedBefore, runs, fire }));
  const ends = await Promise.allSettled(runs.map((run) => run.ended));
  for (const end of ends) if (end.status === 'rejected') tally.problems.push(String(end.reason));
  if (tally.problems.length > 0) return;
  const fired = tally.fired - firedBefore;
  for (const [index, watched] of runs.entries()) {
    const verdict = await judgeRun(arena, watched);
    tally.add(verdict);
    if (index < plan.steadyRuns && verdict.digest !== control.digest) {
      tally.digestEqual = false;
      tally.problems.push(`run ${watched.id}: its trajectory is not the undisturbed run's`);
    }
    const allowed = plan.extraCallsEach === null ? Number.POSITIVE_INFINITY : fired * plan.extraCallsEach;
    if (verdict.extraModelCalls > allowed) {
      tally.problems.push(`run ${watched.id}: ${verdict.extraModelCalls} extra model calls for ${fired} faults`);
    }
  }
}

function createScene(facts: Pick<Scene, 'arena' | 'random' | 'points' | 'runs' | 'fire'>): Scene {
  const { arena, runs } = facts;
  const { signal } = arena.context;
  const hasEnded = (): boolean => runs.every((run) => run.hasEnded());
  const count = (): number => runs.reduce((sum, run) => sum + run.seen.length, 0);
  return {
    ...facts,
    hasEnded,
    pause: (ms) => delay(ms, undefined, { signal }),
    progress: async (steps) => {
      const target = count() + steps;
      const deadline = performance.now() + stuckMs;
      while (count() < target) {
        if (hasEnded()) return false;
        if (performance.now() > deadline) throw new Error(`nothing was recorded for ${stuckMs / 1_000} s`);
        await delay(20, undefined, { signal });
      }
      return true;
    },
  };
}

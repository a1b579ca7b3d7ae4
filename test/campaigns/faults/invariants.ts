import { keys } from '../../../activities/storage/keys.ts';
import type { RecordedStep } from '../../../activities/storage/trajectory-store.ts';
import type { RunRef } from '../../../domain/ids.ts';
import { extendTrajectory, type StepRecord, toStepKey, trajectoryRoot } from '../../../domain/record.ts';
import { countRepeated, readRecords } from '../../support/oracle.ts';
import type { Arena } from './arena.ts';
import type { WatchedRun } from './watched-run.ts';

/** What the end of a run shows. */
export interface Verdict {
  readonly digest: string | null;
  readonly steps: number;
  /** Records that were seen and are gone or changed. */
  readonly lost: number;
  /** Requests that arrived after their slot was recorded. */
  readonly repeated: number;
  /** Model requests beyond the first one of a call. */
  readonly extraModelCalls: number;
  /** Tool requests beyond the first one of a call. */
  readonly extraToolCalls: number;
  /** Steps whose outcome nobody knows, told to the model as such. */
  readonly outcomeUnknown: number;
  /** Whatever else is broken, in words. */
  readonly problems: readonly string[];
}

/** Everything that is stored of a run, checked; and what the model and tool servers were asked for it. */
export async function judgeRun(arena: Arena, { id, run, seen }: WatchedRun): Promise<Verdict> {
  const { storage, model, tools } = arena;
  const steps = await readRecords(storage.trajectory, run);
  const outcome = await storage.trajectory.readOutcome(run);
  const modelRequests = model.requests().filter((request) => request.session === run.runId);
  const calls = listCalls(run, steps);
  const toolRequests = tools.requests().filter(({ stepKey }) => stepKey !== null && calls.has(stepKey));
  const problems: string[] = [];
  if (outcome === null) problems.push('it has no outcome');
  else if (outcome.outcome !== 'answered') {
    problems.push(`its outcome is ${outcome.outcome}: ${outcome.failure?.message ?? outcome.stopReason}`);
  }
  if (outcome !== null && outcome.steps !== steps.length) {
    problems.push(`${outcome.steps} steps are told, ${steps.length} are recorded without a gap`);
  }
  const digest = digestTrajectory(steps);
  if (outcome !== null && outcome.trajectoryDigest !== digest) {
    problems.push('the records do not give the digest of the outcome');
  }
  problems.push(...(await findStraySlots(arena, run, steps.length)), ...(await findBrokenContents(arena, run, steps)));
  problems.push(...findWrongEffects(arena, calls));
  return {
    digest: outcome === null ? null : digest,
    steps: steps.length,
    lost: seen.filter((each, seq) => steps[seq]?.digest !== each).length,
    repeated: countRepeated(run, steps, [...modelRequests, ...toolRequests]),
    extraModelCalls: countExtra(modelRequests),
    extraToolCalls: countExtra(toolRequests),
    outcomeUnknown: steps.filter(({ record }) => record.failure?.type === 'Tool.OutcomeUnknown').length,
    problems: problems.map((problem) => `run ${id}: ${problem}`),
  };
}

/** Requests beyond the first one of each step. */
function countExtra(requests: readonly { readonly stepKey: string | null }[]): number {
  return requests.length - new Set(requests.map(({ stepKey }) => stepKey)).size;
}

/** Calls of the tool server by their step key. */
function listCalls(run: RunRef, steps: readonly RecordedStep[]): ReadonlyMap<string, StepRecord> {
  const calls = new Map<string, StepRecord>();
  for (const { record } of steps) {
    if (record.tool?.server !== 'campaign' || record.requestDigest === null) continue;
    calls.set(toStepKey({ ...run, seq: record.seq }, record.kind, record.requestDigest), record);
  }
  return calls;
}

/** A slot that is no record when the run is over: a claim that nobody let go, or a record beyond the end. */
async function findStraySlots({ storage }: Arena, run: RunRef, steps: number): Promise<string[]> {
  const prefix = keys.steps(run);
  const expected = new Set(Array.from({ length: steps }, (_, seq) => keys.step(run, seq)));
  const found: string[] = [];
  for (let after: string | null = null; ;) {
    const page: string[] = await storage.objects.list(prefix, { limit: 1_000, ...(after === null ? {} : { after }) });
    found.push(...page);
    after = page.at(-1) ?? null;
    if (after === null) break;
  }
  return found.filter((key) => !expected.has(key)).map((key) => `${key} is left behind`);
}

async function findBrokenContents({ storage }: Arena, run: RunRef, steps: readonly RecordedStep[]): Promise<string[]> {
  const broken: string[] = [];
  for (const step of steps) {
    for (const { name } of step.record.contents) {
      try {
        // Every byte that is read back is checked against its digest.
        await storage.trajectory.readText(run.tenant, step, name);
      } catch (error) {
        broken.push(`step ${step.record.seq}: ${name} cannot be read: ${String(error)}`);
      }
    }
  }
  return broken;
}

/** A keyed call took effect once; an unkeyed one once, or at most once when nobody knows. */
function findWrongEffects({ tools }: Arena, calls: ReadonlyMap<string, StepRecord>): string[] {
  const counts = tools.effects();
  return [...calls].flatMap(([key, { seq, effect, status }]) => {
    if (effect === 'read') return [];
    const count = counts.get(key) ?? 0;
    const isRight = status === 'ok' ? count === 1 : count <= 1;
    return isRight ? [] : [`step ${seq}: an ${effect} call that is recorded as ${status} took effect ${count} times`];
  });
}

function digestTrajectory(steps: readonly RecordedStep[]): string {
  return steps.reduce((chain, { record }) => extendTrajectory(chain, record), trajectoryRoot);
}

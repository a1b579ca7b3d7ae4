import { toEntryQueue } from '../../domain/pool/lanes.ts';
import { toTaskQueue } from '../../domain/receipt.ts';
import { type PoolName, poolNames } from '../../domain/tools.ts';
import { type EngineRun, type PendingActivity, type RunEngine, toPool } from '../ports.ts';
import { toIso, type WaitingFor } from './run-schemas.ts';

/** Work that nobody has taken up for this long is told as waiting for a worker. */
const unclaimedMs = 5_000;

/** Why a run stands still, and until when at most. */
export interface Wait {
  readonly waitingFor: WaitingFor | null;
  readonly waitUntil: string | null;
}

const notWaiting: Wait = { waitingFor: null, waitUntil: null };

interface Facts {
  readonly engine: RunEngine;
  readonly queuePrefix: string;
  readonly nowMs: number;
  /** Queues of open activities by name, where the engine does not tell. */
  readonly queues: ReadonlyMap<string, string>;
}

/** What a live run waits for: a failed step's next attempt, a store that is away, or a worker. */
export async function explainWait(facts: Facts, run: EngineRun): Promise<Wait> {
  if (run.waitingFor !== null) return explainPerson(run.waitingFor);
  for (const pending of run.pending) {
    const wait = explainFailure(facts, pending) ?? explainReport(facts, pending);
    if (wait !== null) return wait;
  }
  return (await explainActivities(facts, run)) ?? (await explainDecision(facts, run));
}

/** A step that nobody has taken up. */
async function explainActivities(facts: Facts, run: EngineRun): Promise<Wait | null> {
  for (const pending of run.pending) {
    const { activity, attempt } = pending;
    const queue = queueOf(facts, pending);
    const sinceMs = pending.state === 'scheduled' ? (pending.nextAttemptAtMs ?? pending.scheduledAtMs) : null;
    if (queue === null || sinceMs === null || facts.nowMs - sinceMs < unclaimedMs) continue;
    return await explainUnclaimed(facts, { queue, kind: 'activity', activity, attempt });
  }
  return null;
}

/** A decision that nobody has taken up, or that its worker fails at again and again. */
async function explainDecision(facts: Facts, { decision, taskQueue: queue }: EngineRun): Promise<Wait> {
  if (decision === null) return notWaiting;
  if (decision.attempt > 1) {
    const message = `the workflow code cannot go on (attempt ${decision.attempt} at the same decision): see the orchestrator's log`;
    const nothing = { activity: null, pool: poolOf(facts, queue), queue, attempt: decision.attempt };
    return { waitingFor: { reason: 'workflow_task_failing', message, ...nothing }, waitUntil: null };
  }
  if (decision.isStarted || facts.nowMs - decision.scheduledAtMs < unclaimedMs) return notWaiting;
  return await explainUnclaimed(facts, { queue, kind: 'workflow', activity: null, attempt: null });
}

/** A run that waits for a person says so itself: `paused by …`, `budget: …`, `approval of step …`, `decision of step …`. */
function explainPerson(message: string): Wait {
  const [word = ''] = message.split(/[\s:]/u);
  const nothing = { activity: null, pool: null, queue: null, attempt: null };
  return { waitingFor: { reason: word, message, ...nothing }, waitUntil: null };
}

function queueOf({ queues }: Facts, pending: PendingActivity): string | null {
  return pending.taskQueue ?? queues.get(pending.activity) ?? null;
}

function poolOf(facts: Facts, queue: string | null): PoolName | null {
  return queue === null ? null : toPool(queue, facts.queuePrefix, poolNames);
}

/** An attempt failed, and the next one is due later. */
function explainFailure(facts: Facts, pending: PendingActivity): Wait | null {
  const { lastFailure, activity, attempt, nextAttemptAtMs } = pending;
  if (pending.state !== 'scheduled' || lastFailure === null || attempt < 2) return null;
  // Due for long: the failure is past, and what is missing now is a worker.
  if (nextAttemptAtMs !== null && facts.nowMs - nextAttemptAtMs >= unclaimedMs) return null;
  const queue = queueOf(facts, pending);
  const pool = poolOf(facts, queue);
  const { type: reason, message } = lastFailure;
  return { waitingFor: { reason, message, activity, pool, queue, attempt }, waitUntil: toIso(nextAttemptAtMs) };
}

/** The running attempt says itself what it waits for. */
function explainReport(facts: Facts, pending: PendingActivity): Wait | null {
  const { reportedWait: message, activity, attempt } = pending;
  if (message === null) return null;
  const queue = queueOf(facts, pending);
  const reason = message.startsWith('object store full') ? 'Storage.Full' : 'Storage.Unavailable';
  return { waitingFor: { reason, message, activity, pool: poolOf(facts, queue), queue, attempt }, waitUntil: null };
}

interface Unclaimed {
  readonly queue: string;
  readonly kind: 'workflow' | 'activity';
  readonly activity: string | null;
  readonly attempt: number | null;
}

/** Nobody took the work up: because there is no worker, or because all are busy. */
async function explainUnclaimed(facts: Facts, { queue, kind, activity, attempt }: Unclaimed): Promise<Wait> {
  const polledAtMs = await facts.engine.lastPollAtMs(queue, kind);
  const pool = poolOf(facts, queue);
  if (polledAtMs === null && queue === toEntryQueue(facts.queuePrefix)) {
    // Workers of a full pool ask for calls of runs that have begun, and for no new run.
    const callsAtMs = await facts.engine.lastPollAtMs(toTaskQueue(facts.queuePrefix, 'model'), kind);
    if (callsAtMs !== null) {
      const message = 'the model pool is full of running trajectories; this run begins when one of them has ended';
      return { waitingFor: { reason: 'pool_full', message, activity, pool, queue, attempt }, waitUntil: null };
    }
  }
  const name = `pool ${pool ?? 'unknown'} (task queue ${queue})`;
  const waitingFor: WaitingFor =
    polledAtMs === null
      ? { reason: 'no_worker', message: `no worker of ${name} is asking for work`, activity, pool, queue, attempt }
      : {
          reason: 'backlog',
          message: `the workers of ${name} have not taken it up yet; one asked for work ${toAge(facts.nowMs - polledAtMs)} ago`,
          activity,
          pool,
          queue,
          attempt,
        };
  return { waitingFor, waitUntil: null };
}

function toAge(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1_000))} s`;
}

import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { ClosedStep } from '../activities/runs/contract.ts';
import { applyModel, applyModelFailure, applyTools, type CallResult } from '../domain/apply-step.ts';
import { type Action, deadlineMs, type PlannedCall } from '../domain/decide-next.ts';
import type { RunEnd } from '../domain/outcome.ts';
import { isNearEnd } from '../domain/pool/priority.ts';
import type { StepFailure } from '../domain/record.ts';
import { modelPool, toolPool } from './pools.ts';
import { type RunShell, toRootFailure } from './run-shell.ts';

/** What the final answer may take beyond the run's wall limit. */
const finalGraceMs = 15 * 60_000;

type ModelAction = Extract<Action, { type: 'model' }>;

/** Counts an activity's two events (scheduled, closed), by the rule of `projectEvents`. */
function countActivity(shell: RunShell): void {
  shell.state = { ...shell.state, nextEvent: shell.state.nextEvent + 2 };
}

function timeLeftMs(shell: RunShell): number {
  return deadlineMs(shell.state) - Date.now();
}

/** Performs a model call; the run's end when it was the final one or failed for good. */
export async function performModel(shell: RunShell, action: ModelAction): Promise<RunEnd | null> {
  const { state, queuePrefix } = shell;
  const turn = state.spent.turns + 1;
  const isFinal = action.purpose === 'final';
  const step = { ...shell.run, seq: state.nextSeq, turn };
  const summary = isFinal ? 'final answer' : `turn ${turn} · model`;
  const withinMs = Math.max(0, timeLeftMs(shell)) + (isFinal ? finalGraceMs : 0);
  const { spent, facts } = state;
  // Nothing was asked of a model yet: the run holds no place in the pool.
  const isEntry = spent.inputTokens + spent.outputTokens === 0;
  const nearEnd = isNearEnd({ turns: spent.turns, maxTurns: facts.limits.maxTurns, isFinal });
  const model = modelPool({ queuePrefix, withinMs, summary, isEntry, isNearEnd: nearEnd });
  countActivity(shell);
  try {
    const { purpose, firstLive } = action;
    const receipt = await model.callModel({ ...step, head: state.head, purpose, firstLive });
    return take(shell, action, receipt);
  } catch (error) {
    const failure = toRootFailure(error);
    if (failure === null) throw error;
    const closed = await close(shell, { ...step, kind: 'model', call: null }, failure);
    const end = takeClosed(shell, action, { closed, failure });
    if (isCancellation(error)) throw error;
    return end;
  }
}

function take(shell: RunShell, action: ModelAction, receipt: Parameters<typeof applyModel>[2]): RunEnd | null {
  const applied = applyModel(shell.state, action, receipt);
  shell.state = applied.state;
  return applied.end;
}

/** Takes a closed slot into the state: a late success that won, or the failure. */
function takeClosed(
  shell: RunShell,
  action: ModelAction,
  { closed, failure }: { readonly closed: ClosedStep; readonly failure: StepFailure },
): RunEnd | null {
  if (closed.model !== null) return take(shell, action, closed.model);
  const { recordDigest } = closed;
  const applied = applyModelFailure(shell.state, action, { recordDigest, nowMs: Date.now(), failure });
  shell.state = applied.state;
  return applied.end;
}

type ClosingSlot = Omit<Parameters<RunShell['runs']['closeStep']>[0], 'failure'>;

/** Closes a slot whose step will not be recorded by its own attempt; also while the run is being cancelled. */
function close(shell: RunShell, slot: ClosingSlot, failure: StepFailure): Promise<ClosedStep> {
  countActivity(shell);
  return CancellationScope.nonCancellable(() => shell.runs.closeStep({ ...slot, failure }));
}

/** Performs the calls of one message in parallel; each has its slot, in text order, and every slot is filled. */
export async function performTools(shell: RunShell, planned: readonly PlannedCall[]): Promise<null> {
  const { nextSeq } = shell.state;
  // A call never rejects for a failure of its step: that closes its slot and is a result.
  const outcomes = await Promise.all(planned.map((plan, index) => performCall(shell, plan, nextSeq + index)));
  shell.state = applyTools(shell.state, outcomes);
  const cut = outcomes.find((outcome) => outcome.cancellation !== null);
  if (cut?.cancellation) throw cut.cancellation;
  return null;
}

/** A call's result, and the cancellation that cut it short, if one did. */
interface CallOutcome extends CallResult {
  readonly cancellation: Error | null;
}

async function performCall(shell: RunShell, plan: PlannedCall, seq: number): Promise<CallOutcome> {
  const { pending, spent } = shell.state;
  const { tool, callIndex, pool } = plan.call;
  const modelSeq = pending?.modelSeq ?? 0;
  const modelRecord = pending?.modelRecordDigest ?? '';
  const step = { ...shell.run, seq, turn: spent.turns };
  const call = { tool, modelSeq, callIndex, modelRecord };
  const closing: ClosingSlot = { ...step, kind: 'tool', call };
  if (plan.refusal !== null || pool === null) {
    const refusal = plan.refusal ?? { type: 'Tool.Refused', message: 'the call was refused' };
    return { ...(await toResult(shell, closing, refusal)), cancellation: null };
  }
  const summary = `turn ${step.turn} · ${tool}`;
  countActivity(shell);
  try {
    const activities = toolPool(pool, { queuePrefix: shell.queuePrefix, withinMs: timeLeftMs(shell), summary });
    return { receipt: await activities.callTool({ ...step, ...call }), executed: true, cancellation: null };
  } catch (error) {
    const failure = toRootFailure(error);
    if (failure === null) throw error;
    const closed = await toResult(shell, closing, failure);
    return { ...closed, executed: true, cancellation: isCancellation(error) && error instanceof Error ? error : null };
  }
}

async function toResult(shell: RunShell, slot: ClosingSlot, failure: StepFailure): Promise<CallResult> {
  const closed = await close(shell, slot, failure);
  const { recordDigest } = closed;
  const empty = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
  const receipt = closed.tool ?? {
    recordDigest,
    contentTokens: 0,
    usage: empty,
    costMicroUsd: 0,
    status: 'failed' as const,
    preview: '',
  };
  return { receipt, executed: false };
}

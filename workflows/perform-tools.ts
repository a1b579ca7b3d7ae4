import { isCancellation } from '@temporalio/workflow';
import type { CloseStepInput } from '../activities/runs/contract.ts';
import type { CallHold } from '../activities/steps/contract.ts';
import { applyTools, type CallResult } from '../domain/apply-step.ts';
import { type PlannedCall, toSkipText } from '../domain/decide-next.ts';
import type { StepDecision } from '../domain/holds.ts';
import type { RunEnd } from '../domain/outcome.ts';
import type { StepFailure, StepHold } from '../domain/record.ts';
import type { ToolReceipt } from '../domain/receipt.ts';
import { closeSlot, isFatal, toFailedRun } from './close.ts';
import { abandonQuestions, askPerson } from './holds.ts';
import { timeLeftMs } from './perform.ts';
import { toolPool } from './pools.ts';
import { countEvents, type RunShell, toRootFailure } from './run-shell.ts';

/** What came of a call, and what it means for the run. */
interface CallOutcome extends CallResult {
  /** The cancellation that cut it short, if one did. */
  readonly cancellation: Error | null;
  /** The failure that ends the run, if one does. */
  readonly fatal: StepFailure | null;
}

/** A call with its slot. */
interface CallPlace {
  readonly plan: PlannedCall;
  readonly pool: NonNullable<PlannedCall['call']['pool']> | null;
  readonly seq: number;
  readonly step: { readonly tenant: string; readonly runId: string; readonly seq: number; readonly turn: number };
  readonly call: NonNullable<CloseStepInput['call']>;
}

/** Performs the calls of one message in parallel; each has its slot, in text order, and every slot is filled. */
export async function performTools(shell: RunShell, planned: readonly PlannedCall[]): Promise<RunEnd | null> {
  const { nextSeq } = shell.state;
  // A call never rejects for a failure of its step: that closes its slot and is a result.
  const outcomes = await Promise.all(
    planned.map((plan, index) => performCall(shell, toPlace(shell, plan, nextSeq + index))),
  );
  const broken = outcomes.find((outcome) => outcome.fatal !== null && isFatal(outcome.fatal))?.fatal ?? null;
  // The chain ends before a slot that holds the answer to something else.
  if (broken !== null) return toFailedRun(broken);
  shell.state = applyTools(shell.state, outcomes);
  const cut = outcomes.find((outcome) => outcome.cancellation !== null);
  if (cut?.cancellation) throw cut.cancellation;
  const fatal = outcomes.find((outcome) => outcome.fatal !== null)?.fatal ?? null;
  return fatal === null ? null : toFailedRun(fatal);
}

function toPlace(shell: RunShell, plan: PlannedCall, seq: number): CallPlace {
  const { pending, spent } = shell.state;
  const { tool, callIndex, pool } = plan.call;
  return {
    plan,
    pool,
    seq,
    step: { ...shell.run, seq, turn: spent.turns },
    call: { tool, callIndex, modelSeq: pending?.modelSeq ?? 0, modelRecord: pending?.modelRecordDigest ?? '' },
  };
}

async function performCall(shell: RunShell, place: CallPlace): Promise<CallOutcome> {
  const { plan, pool } = place;
  if (plan.refusal !== null || pool === null) {
    const failure = plan.refusal ?? { type: 'Tool.Refused', message: 'the call was refused' };
    const hold = plan.decision?.action === 'skip' ? toStepHold('skip', plan.decision) : null;
    return await closeCall(shell, place, { failure, hold });
  }
  let hold = plan.decision?.action === 'edit' ? toCallHold('edit', plan.decision) : null;
  if (plan.call.approval === true && hold === null) {
    const asked = await decide(shell, place, { cause: 'approval', why: `${place.call.tool} needs approval` });
    if (asked.type === 'cancelled') return await closeCall(shell, place, asked);
    if (asked.decision.action !== 'approve') return await closeDeclined(shell, place, asked.decision);
    hold = toCallHold('approve', asked.decision);
  }
  return await runCall(shell, place, hold);
}

/** Calls the tool until it is recorded, given up, or left out by a person. */
async function runCall(shell: RunShell, place: CallPlace, first: CallHold | null): Promise<CallOutcome> {
  for (let hold = first; ;) {
    const tried = await tryCall(shell, place, hold);
    if (tried.type === 'done') return { receipt: tried.receipt, executed: true, cancellation: null, fatal: null };
    const { failure, cancellation } = tried;
    if (isFatal(failure)) {
      abandonQuestions(shell);
      return { ...nothing(), fatal: failure };
    }
    const mode = shell.state.facts.onStepFailure;
    if (cancellation !== null || mode !== 'pause') {
      const closed = await closeCall(shell, place, { failure, hold: null, cancellation, executed: true });
      return { ...closed, fatal: cancellation === null && mode === 'fail' ? failure : null };
    }
    const why = `${place.call.tool}: ${failure.type}: ${failure.message}`;
    const asked = await decide(shell, place, { cause: 'failed', why });
    if (asked.type === 'cancelled') return await closeCall(shell, place, { ...asked, executed: true });
    const { decision } = asked;
    if (decision.action === 'skip') return { ...(await closeDeclined(shell, place, decision)), executed: true };
    if (decision.action === 'edit') hold = toCallHold('edit', decision);
  }
}

type Tried =
  | { readonly type: 'done'; readonly receipt: ToolReceipt }
  | { readonly type: 'failed'; readonly failure: StepFailure; readonly cancellation: Error | null };

async function tryCall(shell: RunShell, { pool, step, call }: CallPlace, hold: CallHold | null): Promise<Tried> {
  const summary = `turn ${step.turn} · ${call.tool}`;
  countEvents(shell, 2);
  try {
    const withinMs = timeLeftMs(shell);
    const activities = toolPool(pool ?? 'tools', { queuePrefix: shell.queuePrefix, withinMs, summary });
    const receipt = await activities.callTool({ ...step, ...call, ...(hold === null ? {} : { hold }) });
    return { type: 'done', receipt };
  } catch (error) {
    const failure = toRootFailure(error);
    if (failure === null) throw error;
    return { type: 'failed', failure, cancellation: toCancellation(error) };
  }
}

function toCancellation(error: unknown): Error | null {
  return isCancellation(error) && error instanceof Error ? error : null;
}

type Decided =
  | { readonly type: 'decided'; readonly decision: StepDecision }
  | {
      readonly type: 'cancelled';
      readonly failure: StepFailure;
      readonly hold: null;
      readonly cancellation: Error | null;
    };

/** Asks a person; a cancellation in between still leaves a slot to close. */
async function decide(
  shell: RunShell,
  { seq }: CallPlace,
  question: { readonly cause: 'failed' | 'approval'; readonly why: string },
): Promise<Decided> {
  try {
    return { type: 'decided', decision: await askPerson(shell, { seq, kind: 'tool', ...question }) };
  } catch (error) {
    const failure = toRootFailure(error);
    if (failure === null) throw error;
    return { type: 'cancelled', failure, hold: null, cancellation: toCancellation(error) };
  }
}

function toCallHold(action: CallHold['action'], { by, why, digest }: StepDecision): CallHold {
  return { action, by, why, digest };
}

function toStepHold(action: StepHold['action'], { by, why }: StepDecision): StepHold {
  return { action, by, why };
}

function closeDeclined(shell: RunShell, place: CallPlace, decision: StepDecision): Promise<CallOutcome> {
  const isDenied = decision.action === 'deny';
  const type = isDenied ? 'Step.Denied' : 'Step.Skipped';
  const message = toSkipText(isDenied ? 'denied' : 'skipped', decision);
  return closeCall(shell, place, {
    failure: { type, message },
    hold: toStepHold(isDenied ? 'deny' : 'skip', decision),
  });
}

interface Closing {
  readonly failure: StepFailure;
  readonly hold: StepHold | null;
  readonly cancellation?: Error | null;
  /** Was the tool called, whatever came of it? */
  readonly executed?: boolean;
}

async function closeCall(shell: RunShell, place: CallPlace, closing: Closing): Promise<CallOutcome> {
  const { failure, hold, cancellation = null, executed = false } = closing;
  const { recordDigest, tool } = await closeSlot(shell, {
    ...place.step,
    kind: 'tool',
    call: place.call,
    failure,
    ...(hold === null ? {} : { hold }),
  });
  const receipt = tool ?? { ...nothing().receipt, recordDigest };
  return { receipt, executed, cancellation, fatal: null };
}

/** The result of a call that left no receipt. */
function nothing(): CallOutcome {
  const usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };
  const receipt = {
    recordDigest: '',
    contentTokens: 0,
    usage,
    costMicroUsd: 0,
    status: 'failed' as const,
    preview: '',
  };
  return { receipt, executed: false, cancellation: null, fatal: null };
}

import { checkReservations, type Reservation } from './budget.ts';
import type { Carry } from './carry.ts';
import type { Pause, QueuedMessage, StepDecision } from './holds.ts';
import type { LimitHit, RunEnd } from './outcome.ts';
import { boundPrompt, reserveModelCall, viewOf } from './prompt-bound.ts';
import type { Purpose } from './record.ts';
import type { CallRef } from './receipt.ts';

/** A call of the pending message, and whether it may run. */
export interface PlannedCall {
  readonly call: CallRef;
  /** Null when it runs; else why its slot is closed without running it. */
  readonly refusal: { readonly type: RefusalType; readonly message: string } | null;
  /** What a person decided of it before it began; null when nobody did. */
  readonly decision: StepDecision | null;
}

type RefusalType = 'Tool.Refused' | 'Budget.Exceeded' | 'Step.Skipped';

/** What the run does next. */
export type Action =
  | {
      readonly type: 'model';
      readonly purpose: Purpose;
      readonly firstLive: number;
      /** The limit that made this the final call; null for turns and for an agent that ended by itself. */
      readonly limitHit: LimitHit | null;
    }
  | { readonly type: 'tools'; readonly planned: readonly PlannedCall[] }
  /** Records a person's message, which the model sees with its next turn. */
  | { readonly type: 'message'; readonly message: QueuedMessage }
  /** Stands still until a person does something; the pause is not in the state yet when a limit makes it. */
  | { readonly type: 'wait'; readonly pause: Pause }
  | { readonly type: 'end'; readonly end: RunEnd };

/** When the run's wall limit is reached, in milliseconds since the epoch; time that it stood still for people does not count. */
export function deadlineMs(state: Carry): number {
  return state.startedAtMs + state.facts.limits.maxWallMs + state.holds.heldMs;
}

/**
 * The next action of a run, from its state alone.
 *
 * Pure: workflow code performs the action and feeds the receipts back through `apply-step.ts`.
 */
export function decideNext(state: Carry, nowMs: number): Action {
  const { paused, messages, finalize } = state.holds;
  if (paused !== null) return { type: 'wait', pause: paused };
  if (state.pending !== null) return { type: 'tools', planned: planCalls(state, nowMs) };
  const [message] = messages;
  if (message !== undefined) return { type: 'message', message };
  if (finalize !== null) return decideFinal(state, 'finalize_requested');
  if (state.finalizing !== null) return decideFinal(state, state.finalizing.limitHit);
  const limitHit = findLimit(state, nowMs);
  if (limitHit !== null) return decideLimit(state, limitHit, nowMs);
  return { type: 'model', purpose: 'turn', firstLive: viewOf(state, 'turn'), limitHit: null };
}

/** What the profile wants at a limit. A full window is no budget: nothing that a person could raise would help. */
function decideLimit(state: Carry, limitHit: LimitHit, nowMs: number): Action {
  const { onExceed } = state.facts.limits;
  if (onExceed === 'finalize' || limitHit === 'context_exhausted') return decideFinal(state, limitHit);
  if (onExceed === 'fail') {
    return { type: 'end', end: { outcome: 'budget_exhausted', stopReason: limitHit, limitHit, failure: null } };
  }
  const why = `the limit ${limitHit} is reached`;
  return { type: 'wait', pause: { cause: 'budget', by: 'longhaul', why, sinceMs: nowMs, limitHit } };
}

/** The final call, when there is room and money for it; else the run ends without an answer. */
function decideFinal(state: Carry, limitHit: LimitHit | null): Action {
  const firstLive = fitFinalView(state);
  const exceeded = checkReservations({ ...state.facts, spent: state.spent }, [
    reserveModelCall(state, 'final', firstLive),
  ]);
  const tooLong = boundPrompt(state, 'final', firstLive) > state.facts.windowTokens;
  if (exceeded === null && !tooLong) return { type: 'model', purpose: 'final', firstLive, limitHit };
  const reason = limitHit ?? (tooLong ? 'context_exhausted' : 'budget_reached');
  return { type: 'end', end: { outcome: 'budget_exhausted', stopReason: reason, limitHit: reason, failure: null } };
}

/**
 * The view of the final call: retention's own, or as many observations fewer as window and budget ask for.
 *
 * A large observation is known only after its turn, so the reserve for the answer cannot hold it. After a prompt that the server
 * refused as too long our bounds are wrong, and none is shown.
 */
function fitFinalView(state: Carry): number {
  const observations = state.observationTokens.length;
  if (state.finalizing?.limitHit === 'context_exhausted') return observations;
  for (let firstLive = viewOf(state, 'final'); firstLive < observations; firstLive += 1) {
    const call = reserveModelCall(state, 'final', firstLive);
    const inWindow = call.promptTokens + call.completionTokens <= state.facts.windowTokens;
    if (inWindow && checkReservations({ ...state.facts, spent: state.spent }, [call]) === null) return firstLive;
  }
  return observations;
}

/** The limit that forbids another turn, if one does. What the final answer needs is kept back. */
function findLimit(state: Carry, nowMs: number): LimitHit | null {
  const { limits, windowTokens, maxTokens } = state.facts;
  if (state.spent.turns >= limits.maxTurns) return 'max_turns';
  if (state.spent.toolCalls >= limits.maxToolCalls) return 'max_tool_calls';
  if (nowMs >= deadlineMs(state)) return 'deadline';
  if (boundPrompt(state, 'turn') + maxTokens + state.facts.finalTokens > windowTokens) return 'context_exhausted';
  const reservations = [reserveModelCall(state, 'turn'), reserveFinalAfterTurn(state)];
  const exceeded = checkReservations({ ...state.facts, spent: state.spent }, reservations);
  return exceeded === null ? null : 'budget_reached';
}

/** What the final call would need after one more turn: the longest reply is in its prompt. */
function reserveFinalAfterTurn(state: Carry): Reservation {
  const final = reserveModelCall(state, 'final');
  return { ...final, promptTokens: final.promptTokens + state.facts.maxTokens };
}

function planCalls(state: Carry, nowMs: number): PlannedCall[] {
  const { limits, readerReserve, readerTools } = state.facts;
  const { decisions, finalize } = state.holds;
  let callsLeft = limits.maxToolCalls - state.spent.toolCalls;
  const reserved: Reservation[] = [reserveModelCall(state, 'final')];
  const late = nowMs >= deadlineMs(state);
  return (state.pending?.calls ?? []).map((call, index) => {
    const decision = decisions[String(state.nextSeq + index)] ?? null;
    const refuse = (message: string, type: RefusalType = 'Budget.Exceeded'): PlannedCall => {
      return { call, decision, refusal: { type, message } };
    };
    if (call.pool === null) return refuse('see the call', 'Tool.Refused');
    if (finalize !== null) return refuse(toSkipText('finalized', finalize), 'Step.Skipped');
    if (decision?.action === 'skip') return refuse(toSkipText('skipped', decision), 'Step.Skipped');
    if (late) return refuse("the run's wall time is used up");
    if (callsLeft <= 0) return refuse(`the run's limit of ${limits.maxToolCalls} tool calls is reached`);
    if (readerReserve !== null && readerTools.includes(call.tool)) {
      const exceeded = checkReservations({ ...state.facts, spent: state.spent }, [...reserved, readerReserve]);
      if (exceeded !== null) return refuse(`reading another page could exceed the run's ${exceeded} limit`);
      reserved.push(readerReserve);
    }
    callsLeft -= 1;
    return { call, decision, refusal: null };
  });
}

/** What the model is told of a call that a person left out. */
export function toSkipText(
  verb: 'skipped' | 'denied' | 'finalized',
  { by, why }: { readonly by: string; readonly why: string },
): string {
  const reason = why === '' ? '' : `: ${why}`;
  return verb === 'finalized' ? `the answer is asked for now, by ${by}${reason}` : `${verb} by ${by}${reason}`;
}

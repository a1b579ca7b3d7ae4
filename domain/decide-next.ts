import { checkReservations, type Reservation } from './budget.ts';
import type { Carry } from './carry.ts';
import type { LimitHit, RunEnd } from './outcome.ts';
import { boundPrompt, reserveModelCall, viewOf } from './prompt-bound.ts';
import type { Purpose } from './record.ts';
import type { CallRef } from './receipt.ts';

/** A call of the pending message, and whether it may run. */
export interface PlannedCall {
  readonly call: CallRef;
  /** Null when it runs; else why its slot is closed without running it. */
  readonly refusal: { readonly type: 'Tool.Refused' | 'Budget.Exceeded'; readonly message: string } | null;
}

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
  | { readonly type: 'end'; readonly end: RunEnd };

/** When the run's wall limit is reached, in milliseconds since the epoch. */
export function deadlineMs(state: Carry): number {
  return state.startedAtMs + state.facts.limits.maxWallMs;
}

/**
 * The next action of a run, from its state alone.
 *
 * Pure: workflow code performs the action and feeds the receipts back through `apply-step.ts`.
 */
export function decideNext(state: Carry, nowMs: number): Action {
  if (state.pending !== null) return { type: 'tools', planned: planCalls(state, nowMs) };
  if (state.finalizing !== null) return decideFinal(state, state.finalizing.limitHit);
  const limitHit = findLimit(state, nowMs);
  if (limitHit !== null) return decideFinal(state, limitHit);
  return { type: 'model', purpose: 'turn', firstLive: viewOf(state, 'turn'), limitHit: null };
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
  let callsLeft = limits.maxToolCalls - state.spent.toolCalls;
  const reserved: Reservation[] = [reserveModelCall(state, 'final')];
  const late = nowMs >= deadlineMs(state);
  return (state.pending?.calls ?? []).map((call) => {
    if (call.pool === null) return { call, refusal: { type: 'Tool.Refused', message: 'see the call' } };
    const refuse = (message: string): PlannedCall => ({ call, refusal: { type: 'Budget.Exceeded', message } });
    if (late) return refuse("the run's wall time is used up");
    if (callsLeft <= 0) return refuse(`the run's limit of ${limits.maxToolCalls} tool calls is reached`);
    if (readerReserve !== null && readerTools.includes(call.tool)) {
      const exceeded = checkReservations({ ...state.facts, spent: state.spent }, [...reserved, readerReserve]);
      if (exceeded !== null) return refuse(`reading another page could exceed the run's ${exceeded} limit`);
      reserved.push(readerReserve);
    }
    callsLeft -= 1;
    return { call, refusal: null };
  });
}

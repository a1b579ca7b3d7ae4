import { settle } from './budget.ts';
import type { Carry } from './carry.ts';
import { deadlineMs, type Action } from './decide-next.ts';
import type { RunEnd } from './outcome.ts';
import { boundPrompt, frameTokens } from './prompt-bound.ts';
import { extendHead } from './record.ts';
import type { ModelReceipt, ToolReceipt } from './receipt.ts';

/** Replies in a row that may be thrown away before the run goes to its final answer. Source: MiroThinker, 4 effective. */
const maxRejectedInRow = 4;

type ModelAction = Extract<Action, { type: 'model' }>;

/** The state after a step, or how the run ended with it. */
export interface Applied {
  readonly state: Carry;
  readonly end: RunEnd | null;
}

/** Takes a model call's receipt into the state: slot used, cost settled, calls pending or the run decided. */
export function applyModel(state: Carry, action: ModelAction, receipt: ModelReceipt): Applied {
  const estimate = Math.ceil((boundPrompt(state, action.purpose, action.firstLive) * 1_000) / state.promptScale);
  const seen = Math.ceil((receipt.usage.inputTokens * 1_000) / Math.max(1, estimate));
  const settled: Carry = {
    ...state,
    nextSeq: state.nextSeq + 1,
    head: extendHead(state.head, receipt.recordDigest),
    promptScale: Math.max(state.promptScale, Math.min(seen, 8_000)),
    spent: {
      ...settle(state.spent, receipt),
      turns: state.spent.turns + (action.purpose === 'turn' ? 1 : 0),
    },
  };
  if (action.purpose === 'final') return { state: settled, end: endOfFinal(action, receipt) };
  if (receipt.stop === 'malformed' || receipt.stop === 'length') return { state: reject(settled), end: null };
  const thought = { ...settled, thoughtTokens: state.thoughtTokens + receipt.contentTokens, rejectedInRow: 0 };
  if (receipt.calls.length === 0) return { state: { ...thought, finalizing: { limitHit: null } }, end: null };
  const pending = {
    modelSeq: state.nextSeq,
    modelRecordDigest: receipt.recordDigest,
    calls: receipt.calls.map((call) => ({ ...call })),
    doneTokens: 0,
  };
  const usesSandbox = thought.usesSandbox || receipt.calls.some((call) => call.pool === 'sandbox');
  return { state: { ...thought, pending, usesSandbox }, end: null };
}

function reject(state: Carry): Carry {
  const rejectedInRow = state.rejectedInRow + 1;
  return { ...state, rejectedInRow, finalizing: rejectedInRow > maxRejectedInRow ? { limitHit: null } : null };
}

function endOfFinal(action: ModelAction, receipt: ModelReceipt): RunEnd {
  const outcome = receipt.boxed ? 'answered' : 'abstained';
  return { outcome, stopReason: outcome, limitHit: action.limitHit, failure: null };
}

/** A model step that failed for good: the failure is recorded in its slot. */
export interface ModelFailure {
  readonly recordDigest: string;
  /** When the failure was final, in milliseconds since the epoch. */
  readonly nowMs: number;
  readonly failure: { readonly type: string; readonly message: string };
}

/** Takes a failed model call into the state: a limit behind it leads to the final answer, anything else ends the run. */
export function applyModelFailure(state: Carry, action: ModelAction, failed: ModelFailure): Applied {
  const next: Carry = {
    ...state,
    nextSeq: state.nextSeq + 1,
    head: extendHead(state.head, failed.recordDigest),
    spent: { ...state.spent, turns: state.spent.turns + (action.purpose === 'turn' ? 1 : 0) },
  };
  const late = failed.nowMs >= deadlineMs(state) || failed.failure.type === 'Step.TimedOut';
  const limitHit = late ? 'deadline' : failed.failure.type === 'Model.ContextOverflow' ? 'context_exhausted' : null;
  if (limitHit === null) {
    return { state: next, end: { outcome: 'failed', stopReason: 'error', limitHit: null, failure: failed.failure } };
  }
  if (action.purpose === 'turn') return { state: { ...next, finalizing: { limitHit } }, end: null };
  return {
    state: next,
    end: { outcome: 'budget_exhausted', stopReason: limitHit, limitHit, failure: failed.failure },
  };
}

/** Takes a model call that a person gave up, to have the answer with what is known. Its slot holds the failure. */
export function applyGivenUp(state: Carry, recordDigest: string): Carry {
  return { ...state, nextSeq: state.nextSeq + 1, head: extendHead(state.head, recordDigest) };
}

/** Takes a recorded message of a person into the state: an agent that had come to its end gets another turn. */
export function applyMessage(
  state: Carry,
  recorded: { readonly recordDigest: string; readonly tokens: number },
): Carry {
  const [, ...messages] = state.holds.messages;
  const endedByItself = state.finalizing !== null && state.finalizing.limitHit === null;
  return {
    ...state,
    head: extendHead(state.head, recorded.recordDigest),
    nextSeq: state.nextSeq + 1,
    thoughtTokens: state.thoughtTokens + recorded.tokens + frameTokens,
    finalizing: endedByItself ? null : state.finalizing,
    holds: { ...state.holds, messages },
  };
}

/** What came of one planned call, in the order of the calls. */
export interface CallResult {
  readonly receipt: ToolReceipt;
  /** False when the slot was closed without running the call. */
  readonly executed: boolean;
}

/** Takes the receipts of a message's calls into the state, in slot order. */
export function applyTools(state: Carry, results: readonly CallResult[]): Carry {
  let { head, spent } = state;
  let tokens = state.pending?.doneTokens ?? 0;
  for (const { receipt, executed } of results) {
    head = extendHead(head, receipt.recordDigest);
    spent = { ...settle(spent, receipt), toolCalls: spent.toolCalls + (executed ? 1 : 0) };
    tokens += receipt.contentTokens;
  }
  return {
    ...state,
    head,
    spent,
    nextSeq: state.nextSeq + results.length,
    observationTokens: [...state.observationTokens, tokens],
    pending: null,
    holds: { ...state.holds, decisions: {} },
  };
}

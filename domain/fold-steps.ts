import { applyMessage, applyModel, applyTools, type CallResult } from './apply-step.ts';
import type { Carry } from './carry.ts';
import type { StepRecord } from './record.ts';
import type { ModelReceipt, ToolReceipt } from './receipt.ts';

/** A recorded step with the receipt that its activity gave, or would give again. */
export type FoldedStep =
  | { readonly record: StepRecord; readonly kind: 'model'; readonly receipt: ModelReceipt }
  | { readonly record: StepRecord; readonly kind: 'tool'; readonly receipt: ToolReceipt }
  | { readonly record: StepRecord; readonly kind: 'message'; readonly recordDigest: string };

/** The part of a run's state that follows from its records. */
export type FoldedState = Pick<
  Carry,
  | 'nextSeq'
  | 'spent'
  | 'promptScale'
  | 'thoughtTokens'
  | 'observationTokens'
  | 'rejectedInRow'
  | 'usesSandbox'
  | 'pending'
  | 'finalizing'
>;

/**
 * The state of a run after its first steps, from their records alone: what a fork begins with.
 *
 * Pure, and through the same functions that took the steps into the live run's state. A message's calls may be cut anywhere: those
 * without a record are pending. What the prefix cost is not the fork's: its tokens and money begin at nothing, its turns go on.
 */
export function foldSteps(start: Carry, steps: readonly FoldedStep[]): FoldedState {
  let state = start;
  let results: CallResult[] = [];
  const takeResults = (): void => {
    if (results.length > 0) state = takeCalls(state, results);
    results = [];
  };
  for (const step of steps) {
    if (step.kind === 'tool') {
      results.push({ receipt: step.receipt, executed: step.record.requestDigest !== null });
      continue;
    }
    takeResults();
    if (step.kind === 'message') {
      state = applyMessage(state, { recordDigest: step.recordDigest, tokens: step.record.contentTokens });
    } else state = takeModel(state, step);
  }
  takeResults();
  const { turns, toolCalls } = state.spent;
  return {
    nextSeq: state.nextSeq,
    spent: { ...start.spent, turns, toolCalls },
    promptScale: state.promptScale,
    thoughtTokens: state.thoughtTokens,
    observationTokens: state.observationTokens,
    rejectedInRow: state.rejectedInRow,
    usesSandbox: state.usesSandbox,
    pending: state.pending,
    finalizing: state.finalizing,
  };
}

function takeModel(state: Carry, step: Extract<FoldedStep, { kind: 'model' }>): Carry {
  const { model, turn } = step.record;
  // A call that failed for good has no reply; the run went on from it to its answer.
  if (model === null) return { ...state, nextSeq: state.nextSeq + 1, spent: { ...state.spent, turns: turn } };
  const { purpose, firstLive } = model;
  return applyModel(state, { type: 'model', purpose, firstLive, limitHit: null }, step.receipt).state;
}

/** Takes the recorded calls of a message; the others stay pending, and become part of the same observation. */
function takeCalls(state: Carry, results: readonly CallResult[]): Carry {
  const taken = applyTools(state, results);
  const left = state.pending?.calls.slice(results.length) ?? [];
  if (state.pending === null || left.length === 0) return taken;
  return {
    ...taken,
    observationTokens: state.observationTokens,
    pending: { ...state.pending, calls: left, doneTokens: taken.observationTokens.at(-1) ?? 0 },
  };
}

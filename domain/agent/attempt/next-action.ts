import { mayRollBack } from '../no-call.ts';
import type { CallFacts } from './facts.ts';
import type { AttemptSettings } from './settings.ts';
import type { AttemptEnd, AttemptState, CallPurpose, TurnsEnd } from './state.ts';
import { type AttemptView, purposeOf, viewOf } from './view.ts';

/** A call of the last reply that is due. */
export interface DueCall {
  /** Its place among the reply's calls. */
  readonly index: number;
  readonly call: CallFacts;
  /** `execute` runs it, `notice` tells the model that it was made before, `refuse` that no tool answers to it. */
  readonly mode: 'execute' | 'notice' | 'refuse';
}

/** What an attempt does next. */
export type AttemptAction =
  | {
      readonly type: 'call-model';
      readonly purpose: CallPurpose;
      readonly maxTokens: number;
      /** The history ends with the model's own words, which it goes on with. */
      readonly prefill: boolean;
      /** Which try of the call it is, from 1. */
      readonly tryNumber: number;
      /** What is waited for before it. */
      readonly wait: 'retry' | 'empty-reply' | null;
      readonly view: AttemptView;
    }
  /** Calls that may run side by side. */
  | { readonly type: 'run-calls'; readonly reply: number; readonly due: readonly DueCall[] }
  | { readonly type: 'end'; readonly end: AttemptEnd; readonly turnsEnd: TurnsEnd | null };

/** How a call that was made before is treated, and one that was not. */
function modeOf(
  settings: AttemptSettings,
  state: AttemptState,
  due: { call: CallFacts; index: number },
): DueCall['mode'] {
  const { rules } = settings;
  const { call, index } = due;
  const isRepeat = call.key !== null && state.seen.includes(call.key);
  // A first call that repeats got here only because rollbacks are spent: it runs.
  const runsAgain = rules.repeats === 'rollback' && (index === 0 || !mayRollBack(rules, state.rollbacks));
  if (isRepeat && !runsAgain) return 'notice';
  return call.executable ? 'execute' : 'refuse';
}

/**
 * The calls that are due: all that do not depend on a result of another one.
 *
 * A call with the key of an earlier one waits for its result; and where a first result may take the reply back, the others wait.
 */
function dueCalls(
  settings: AttemptSettings,
  state: AttemptState,
  pending: NonNullable<AttemptState['pending']>,
): DueCall[] {
  const from = pending.results.length;
  const firstAlone = from === 0 && settings.rules.resultsRollBack;
  const due: DueCall[] = [];
  for (const [offset, call] of pending.calls.slice(from, firstAlone ? 1 : undefined).entries()) {
    if (call.key !== null && due.some((other) => other.call.key === call.key)) break;
    const index = from + offset;
    due.push({ index, call, mode: modeOf(settings, state, { call, index }) });
  }
  return due;
}

/** What the attempt does next, from its state alone. */
export function nextAction(settings: AttemptSettings, state: AttemptState): AttemptAction {
  if (state.pending !== null) {
    return { type: 'run-calls', reply: state.pending.reply, due: dueCalls(settings, state, state.pending) };
  }
  const purpose = purposeOf(state);
  if (purpose === null) {
    return { type: 'end', end: state.end ?? { answer: null, summary: null }, turnsEnd: state.turnsEnd };
  }
  return {
    type: 'call-model',
    purpose,
    maxTokens: state.next.maxTokens,
    prefill: settings.rules.prefill && purpose === 'failure-summary',
    tryNumber: state.next.number,
    wait: state.next.wait,
    view: viewOf(settings, state, purpose),
  };
}

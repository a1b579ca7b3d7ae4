import { fitsContext } from '../context-check.ts';
import { mayRollBack } from '../no-call.ts';
import { firstLiveMessage } from '../retained-view.ts';
import type { CallFacts, ResultFacts } from './facts.ts';
import { continueTurns, drop, dropLastPair, endTurns } from './finish.ts';
import type { AttemptSettings } from './settings.ts';
import type { AttemptState } from './state.ts';

/** A call's result that was recorded, or the notice that stands for it. */
export interface RecordedResult {
  /** Number of its record. */
  readonly seq: number;
  readonly facts: ResultFacts;
}

/** Tokens of the observations that leave the view when it is cut to exactly K. */
function tokensBeyondKeep(settings: AttemptSettings, state: AttemptState): number {
  const exact = firstLiveMessage(state.observations.length, settings.keep);
  return state.observations.slice(state.firstLive, exact).reduce((sum, tokens) => sum + tokens, 0);
}

/** Would another prompt fit: as it would grow, or else cut to exactly K? Null when it would not. */
function fitNextPrompt(
  settings: AttemptSettings,
  state: AttemptState,
  last: { promptTokens: number; completionTokens: number },
): AttemptState | null {
  const count = {
    lastPromptTokens: last.promptTokens,
    lastCompletionTokens: last.completionTokens,
    lastMessageTokens: state.observations.at(-1) ?? 0,
    summaryTokens: settings.summaryTokens,
    maxTokens: settings.maxTokens,
    maxContext: settings.maxContext,
  };
  if (fitsContext(settings.rules, count)) return state;
  const saved = settings.batch > 0 && settings.keep >= 0 ? tokensBeyondKeep(settings, state) : 0;
  if (saved === 0) return null;
  const lastPromptTokens = Math.max(0, last.promptTokens - saved);
  if (!fitsContext(settings.rules, { ...count, lastPromptTokens })) return null;
  return { ...state, firstLive: firstLiveMessage(state.observations.length, settings.keep) };
}

function finishTurn(settings: AttemptSettings, state: AttemptState, messageTokens: number | null): AttemptState {
  const { pending } = state;
  if (pending === null) return state;
  const { reply, results, tokens } = pending;
  const done: AttemptState = {
    ...state,
    pending: null,
    rollbacks: 0,
    overflows: 0,
    ending: 'observation',
    observations: [...state.observations, messageTokens ?? tokens],
    lastPairs: [...state.lastPairs.slice(-1), { reply, results }],
  };
  const fitted = fitNextPrompt(settings, done, pending);
  if (fitted !== null) return continueTurns(settings, fitted);
  return endTurns(settings, dropLastPair({ ...done, turn: settings.maxTurns }, 'context-full'), 'context-full');
}

/** Is the call from now on one that has been made? A search whose provider failed has not been. */
function see(state: AttemptState, call: CallFacts | undefined, facts: ResultFacts): readonly string[] {
  const key = call?.key ?? null;
  return key === null || facts.status !== 'ok' || state.seen.includes(key) ? state.seen : [...state.seen, key];
}

/** Takes one result; null once the reply has been taken back, since what follows has no place then. */
function takeResult(settings: AttemptSettings, state: AttemptState, result: RecordedResult): AttemptState {
  const { pending } = state;
  if (pending === null) return drop(state, [result.seq], 'bad-result');
  const { rules } = settings;
  const index = pending.results.length;
  const seen = [...see(state, pending.calls[index], result.facts)];
  // Only a first result takes the reply back: later ones would take away observations that were paid for.
  const goesBack =
    rules.resultsRollBack && result.facts.asksRollback && index === 0 && mayRollBack(rules, state.rollbacks);
  if (goesBack) {
    const without = drop({ ...state, seen, pending: null }, [pending.reply, result.seq], 'bad-result');
    return continueTurns(settings, { ...without, turn: state.turn - 1, rollbacks: state.rollbacks + 1 });
  }
  const results = [...pending.results, result.seq];
  return { ...state, seen, pending: { ...pending, results, tokens: pending.tokens + result.facts.tokens } };
}

/**
 * Takes the results of the calls that `nextAction` named into the attempt, in the order of the calls.
 *
 * @param messageTokens our count of the whole observation message; null takes the sum of its parts
 *
 * *Contract:* pure; the results are all those of one action.
 */
export function applyResults(
  settings: AttemptSettings,
  state: AttemptState,
  wave: { readonly results: readonly RecordedResult[]; readonly messageTokens: number | null },
): AttemptState {
  const taken = wave.results.reduce((next, result) => takeResult(settings, next, result), state);
  const isDone = taken.pending !== null && taken.pending.results.length === taken.pending.calls.length;
  return isDone ? finishTurn(settings, taken, wave.messageTokens) : taken;
}

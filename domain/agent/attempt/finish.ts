import type { AttemptSettings } from './settings.ts';
import type { AttemptEnd, AttemptState, DropCause, TurnsEnd } from './state.ts';

/** The state without these records in its history. */
export function drop(state: AttemptState, seqs: readonly number[], cause: DropCause): AttemptState {
  return { ...state, dropped: [...state.dropped, ...seqs.map((seq) => ({ seq, cause }))] };
}

/** The state before a fresh model call. */
export function withFreshCall(
  settings: AttemptSettings,
  state: AttemptState,
  wait: 'empty-reply' | null,
): AttemptState {
  return { ...state, next: { number: 1, maxTokens: settings.maxTokens, wait } };
}

function end(state: AttemptState, ended: AttemptEnd): AttemptState {
  return { ...state, phase: 'ended', end: ended };
}

/** May another attempt follow this one? */
function hasNextAttempt(settings: AttemptSettings, state: AttemptState): boolean {
  return settings.rules.restarts && state.attempt <= settings.restarts;
}

/** The newest observation is not shown to the final answer. Source: MiroThinker protocol §5.1; the task is never taken away. */
function popObservation(state: AttemptState): AttemptState {
  const last = state.lastPairs.at(-1);
  if (state.ending !== 'observation' || last === undefined) return state;
  const popped = drop(state, last.results, 'popped');
  return {
    ...popped,
    ending: 'reply',
    observations: state.observations.slice(0, -1),
    lastPairs: [...state.lastPairs.slice(0, -1), { reply: last.reply, results: [] }],
  };
}

/** Without an answer: the next attempt may find one, and is told why this one did not; in the last one an earlier box stands in. */
export function endWithoutAnswer(settings: AttemptSettings, state: AttemptState): AttemptState {
  if (hasNextAttempt(settings, state)) {
    if (!settings.retryWithSummary) return end(state, { answer: null, summary: null });
    return { ...withFreshCall(settings, state, null), phase: 'failure-summary' };
  }
  const { lastBoxed } = state;
  const stands = settings.rules.keepsIntermediateAnswers && lastBoxed !== null;
  return end(state, { answer: stands ? { from: 'intermediate', seq: lastBoxed } : null, summary: null });
}

/** The final answer is in a record. */
export function endWithAnswer(state: AttemptState, seq: number): AttemptState {
  return end(state, { answer: { from: 'final', seq }, summary: null });
}

/** The failure summary is in a record, or there is none. */
export function endWithSummary(state: AttemptState, summary: number | null): AttemptState {
  return end(state, { answer: null, summary });
}

/**
 * Ends the turns: to the final answer, or past it where a limit was reached and another attempt may follow.
 *
 * Source: MiroThinker protocol §5.2: a forced guess at the limit is worse than another attempt. An agent that ended by itself in
 * its last turn has reached the limit too.
 */
export function endTurns(settings: AttemptSettings, state: AttemptState, turnsEnd: TurnsEnd): AttemptState {
  // What is waited for after an empty reply is waited for before the final call, too.
  const wait = state.next.wait === 'empty-reply' ? state.next.wait : null;
  const ended: AttemptState = { ...withFreshCall(settings, popObservation(state), wait), turnsEnd, rollbacks: 0 };
  const isLimited = state.turn >= settings.maxTurns || turnsEnd === 'context-full' || turnsEnd === 'context-overflow';
  if (isLimited && hasNextAttempt(settings, state)) return endWithoutAnswer(settings, ended);
  return { ...ended, phase: 'final' };
}

/** Drops the newest pair, so that the prompt for the final answer has room. Source: MiroThinker protocol §4.2. */
export function dropLastPair(state: AttemptState, cause: DropCause): AttemptState {
  const last = state.lastPairs.at(-1);
  if (last === undefined) return state;
  const hasObservation = state.ending === 'observation';
  return {
    ...drop(state, [last.reply, ...last.results], cause),
    observations: hasObservation ? state.observations.slice(0, -1) : state.observations,
    lastPairs: state.lastPairs.slice(0, -1),
    ending: state.observations.length > (hasObservation ? 1 : 0) ? 'observation' : 'task',
  };
}

/** Goes on with the turns, or ends them at a limit. */
export function continueTurns(settings: AttemptSettings, state: AttemptState): AttemptState {
  if (state.turn >= settings.maxTurns) return endTurns(settings, state, 'max-turns');
  const maxCalls = settings.maxTurns + settings.rules.extraModelCalls;
  return state.modelCalls >= maxCalls ? endTurns(settings, state, 'max-calls') : state;
}

import {
  continueTurns,
  drop,
  dropLastPair,
  endTurns,
  endWithoutAnswer,
  endWithSummary,
  withFreshCall,
} from './finish.ts';
import type { AttemptSettings } from './settings.ts';
import type { AttemptState } from './state.ts';

/** Refusals for length after which no smaller view is tried. */
const maxOverflows = 3;

/** A model call that brought no reply that stands. */
export interface FailedCall {
  /** Number of its record. */
  readonly seq: number;
  /** `overflow`: the server refused the prompt as too long. */
  readonly cause: 'failed' | 'overflow' | 'truncated' | 'repetition' | 'unsupported';
}

/** The prompt is too long: show less of it, or drop the last pair and ask for the final answer. */
function takeOverflow(settings: AttemptSettings, state: AttemptState): AttemptState {
  const overflows = state.overflows + 1;
  const mayShrink = settings.overflow === 'shrink' && overflows <= maxOverflows && state.observations.length > 0;
  if (mayShrink) return withFreshCall(settings, { ...state, overflows }, null);
  return endTurns(settings, dropLastPair(state, 'context-overflow'), 'context-overflow');
}

function failTurn(settings: AttemptSettings, state: AttemptState, failed: FailedCall): AttemptState {
  const counted = { ...state, modelCalls: state.modelCalls + 1 };
  if (failed.cause === 'overflow') return takeOverflow(settings, counted);
  // Counts as an empty reply.
  const turn = settings.rules.emptyRefundsTurn ? state.turn : state.turn + 1;
  return continueTurns(settings, withFreshCall(settings, { ...counted, turn }, 'empty-reply'));
}

function failFinal(settings: AttemptSettings, state: AttemptState): AttemptState {
  const finalTries = state.finalTries + 1;
  const tried = withFreshCall(settings, { ...state, finalTries }, null);
  const maxTries = settings.keep === -1 ? settings.rules.finalTriesKeepingAll : 1;
  return finalTries >= maxTries ? endWithoutAnswer(settings, tried) : tried;
}

/**
 * Takes a model call that failed for good into the attempt: an empty reply to a turn, a final answer without a box.
 *
 * *Contract:* pure; the attempt waits for a model call (`nextAction` said so).
 */
export function applyFailure(settings: AttemptSettings, state: AttemptState, failed: FailedCall): AttemptState {
  const cause = failed.cause === 'overflow' ? 'context-overflow' : failed.cause;
  const called = drop({ ...state, dropped: [] }, [failed.seq], cause);
  if (state.phase === 'turns') return failTurn(settings, called, failed);
  return state.phase === 'final' ? failFinal(settings, called) : endWithSummary(called, null);
}

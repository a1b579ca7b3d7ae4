import { judgeTry, type TryVerdict } from '../model-tries.ts';
import { judgeNoCall, mayRollBack } from '../no-call.ts';
import { applyFailure } from './apply-failure.ts';
import type { ReplyFacts } from './facts.ts';
import {
  continueTurns,
  drop,
  endTurns,
  endWithAnswer,
  endWithoutAnswer,
  endWithSummary,
  withFreshCall,
} from './finish.ts';
import type { AttemptSettings } from './settings.ts';
import type { AttemptState, DropCause } from './state.ts';
import { purposeOf, viewOf } from './view.ts';

/** A reply that was recorded. */
export interface RecordedReply {
  /** Number of its record. */
  readonly seq: number;
  readonly facts: ReplyFacts;
}

/** A reply that stands; `stop` ends the turns. */
interface TakenReply extends RecordedReply {
  readonly stop: boolean;
}

/** The state once the view of the call that was made is history. */
function afterCall(settings: AttemptSettings, state: AttemptState): AttemptState {
  const purpose = purposeOf(state);
  const firstLive = purpose === 'turn' ? viewOf(settings, state, purpose).firstLive : state.firstLive;
  return { ...state, firstLive, dropped: [], next: { ...state.next, wait: null } };
}

/** Takes a reply back: its turn does not count, the model hears nothing of it. */
function rollBack(
  settings: AttemptSettings,
  state: AttemptState,
  dropped: { seq: number; cause: DropCause },
): AttemptState {
  const without = drop(state, [dropped.seq], dropped.cause);
  return continueTurns(settings, { ...without, turn: state.turn - 1, rollbacks: state.rollbacks + 1 });
}

function takeEmpty(settings: AttemptSettings, state: AttemptState, seq: number): AttemptState {
  const turn = settings.rules.emptyRefundsTurn ? state.turn - 1 : state.turn;
  return continueTurns(settings, withFreshCall(settings, { ...drop(state, [seq], 'empty'), turn }, 'empty-reply'));
}

function takeWithoutCall(settings: AttemptSettings, state: AttemptState, reply: RecordedReply): AttemptState {
  const { seq, facts } = reply;
  if (judgeNoCall(settings.rules, facts, state.rollbacks) === 'resample') {
    return rollBack(settings, state, { seq, cause: facts.protocolTag ? 'malformed' : 'refusal' });
  }
  return endTurns(settings, { ...state, ending: 'reply' }, 'agent');
}

function takeCalls(settings: AttemptSettings, state: AttemptState, reply: RecordedReply): AttemptState {
  const { seq, facts } = reply;
  const { rules } = settings;
  const [first] = facts.calls;
  const isRepeat = first?.key !== null && first !== undefined && state.seen.includes(first.key);
  if (rules.repeats === 'rollback' && isRepeat && mayRollBack(rules, state.rollbacks)) {
    return rollBack(settings, state, { seq, cause: 'repeat' });
  }
  const { promptTokens, completionTokens, calls } = facts;
  return { ...state, pending: { reply: seq, promptTokens, completionTokens, calls, results: [], tokens: 0 } };
}

function takeTurn(settings: AttemptSettings, state: AttemptState, reply: TakenReply): AttemptState {
  const { seq, facts, stop } = reply;
  const counted = withFreshCall(settings, { ...state, turn: state.turn + 1, modelCalls: state.modelCalls + 1 }, null);
  if (facts.empty && facts.finish !== 'length') return takeEmpty(settings, counted, seq);
  const taken = facts.boxed ? { ...counted, lastBoxed: seq } : counted;
  if (stop) return endTurns(settings, { ...taken, ending: 'reply' }, 'stopped');
  return facts.calls.length === 0 ? takeWithoutCall(settings, taken, reply) : takeCalls(settings, taken, reply);
}

/** Final answers that may be tried. */
function maxFinalTries(settings: AttemptSettings): number {
  return settings.keep === -1 ? settings.rules.finalTriesKeepingAll : 1;
}

function takeFinal(settings: AttemptSettings, state: AttemptState, reply: RecordedReply): AttemptState {
  const { seq, facts } = reply;
  if (facts.boxed) return endWithAnswer(state, seq);
  const isEmpty = facts.empty && facts.finish !== 'length';
  const tried = withFreshCall(settings, { ...state, finalTries: state.finalTries + 1 }, null);
  const isLast = tried.finalTries >= maxFinalTries(settings);
  const stays = isLast && !isEmpty;
  const judged = stays ? { ...tried, finalReplyStays: true } : drop(tried, [seq], isEmpty ? 'empty' : 'no-box');
  return isLast ? endWithoutAnswer(settings, judged) : judged;
}

function takeReply(settings: AttemptSettings, state: AttemptState, reply: TakenReply): AttemptState {
  if (state.phase === 'turns') return takeTurn(settings, state, reply);
  if (state.phase === 'final') return takeFinal(settings, state, reply);
  const isEmpty = reply.facts.empty && reply.facts.finish !== 'length';
  return endWithSummary(state, isEmpty ? null : reply.seq);
}

function tryAgain(state: AttemptState, seq: number, verdict: TryVerdict & { type: 'again' }): AttemptState {
  const { maxTokens, cause } = verdict;
  return { ...drop(state, [seq], cause), next: { number: state.next.number + 1, maxTokens, wait: 'retry' } };
}

/**
 * Takes a recorded reply into the attempt.
 *
 * *Contract:* pure; the attempt waits for a model call (`nextAction` said so).
 */
export function applyReply(settings: AttemptSettings, state: AttemptState, reply: RecordedReply): AttemptState {
  const called = afterCall(settings, state);
  const verdict = judgeTry(settings.rules, state.next, reply.facts);
  if (verdict.type === 'again') return tryAgain(called, reply.seq, verdict);
  if (verdict.type === 'take') return takeReply(settings, called, { ...reply, stop: verdict.stop });
  return applyFailure(settings, called, { seq: reply.seq, cause: verdict.cause });
}

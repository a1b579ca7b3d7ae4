import { z } from 'zod';
import { firstLiveBatched, firstLiveMessage } from '../retained-view.ts';
import type { AttemptSettings } from './settings.ts';
import { type AttemptState, callPurposeSchema, type CallPurpose, droppedSchema } from './state.ts';

/**
 * What a model call is shown, so that its prompt can be rebuilt from records alone, without the rules that chose it.
 *
 * The history is the attempt's records in order, without those that this view or an earlier one of the attempt has dropped.
 */
export const attemptViewSchema = z.strictObject({
  purpose: callPurposeSchema,
  /** Number of the attempt's first record. */
  attemptStart: z.int().min(0),
  /** Failure summaries that the task is shown with. */
  summaries: z.array(z.int().min(0)),
  /** First user message behind the task in view, prompts that ask for an answer included; those before it are masked. */
  firstLive: z.int().min(0),
  /** Records that left the history since the model record before. */
  dropped: z.array(droppedSchema),
  /** Code points of the newest observation that are shown; null shows it whole. */
  newestLimit: z.int().min(0).nullable(),
});
export type AttemptView = z.infer<typeof attemptViewSchema>;

/** Code points of the newest observation that are shown after refusals for length, one after another. */
const newestLimits = [25_000, 6_250, 1_560] as const;

/** The limit of the newest observation; where the view may have grown beyond K, cutting it back comes first. */
function newestLimitOf(settings: AttemptSettings, state: AttemptState): number | null {
  const cuts = state.overflows - (settings.batch > 0 ? 1 : 0);
  return newestLimits[cuts - 1] ?? null;
}

/** What the next call of an attempt is for; null when there is none. */
export function purposeOf(state: AttemptState): CallPurpose | null {
  if (state.phase === 'ended') return null;
  return state.phase === 'turns' ? 'turn' : state.phase;
}

function firstLiveOf(settings: AttemptSettings, state: AttemptState, purpose: CallPurpose): number {
  const count = state.observations.length;
  const { keep, batch } = settings;
  if (purpose === 'turn')
    return firstLiveBatched({ keep, batch: state.overflows > 0 ? 0 : batch }, count, state.firstLive);
  // The prompts that ask for an answer are user messages too, and take a place in view each.
  const prompts = purpose === 'final' ? 1 : 1 + (state.finalReplyStays ? 1 : 0);
  return firstLiveMessage(count + prompts, keep);
}

/** What the next call of the attempt is shown. */
export function viewOf(settings: AttemptSettings, state: AttemptState, purpose: CallPurpose): AttemptView {
  return {
    purpose,
    attemptStart: state.startSeq,
    summaries: state.summaries,
    firstLive: firstLiveOf(settings, state, purpose),
    dropped: state.dropped,
    newestLimit: newestLimitOf(settings, state),
  };
}

import type { Reservation } from './budget.ts';
import type { Carry } from './carry.ts';
import type { Purpose } from './record.ts';
import { firstLiveObservation } from './retention.ts';

/** Tokens of the placeholder that stands for a masked observation, its message's frame included. */
const placeholderTokens = 18;

/** Tokens that a chat template spends on a message. */
export const frameTokens = 8;

/** The view of the next call: where retention begins to show observations. */
export function viewOf(state: Carry, purpose: Purpose): number {
  return firstLiveObservation(state.observationTokens.length, state.facts.keep, purpose === 'final' ? 1 : 0);
}

/** The most tokens that the next prompt can have, from token counts alone; `firstLive` is retention's own view when absent. */
export function boundPrompt(state: Carry, purpose: Purpose, firstLive = viewOf(state, purpose)): number {
  const live = state.observationTokens.slice(firstLive).reduce((sum, tokens) => sum + tokens + frameTokens, 0);
  const estimate =
    state.facts.baseTokens +
    state.thoughtTokens +
    frameTokens * (state.observationTokens.length + 2) +
    live +
    firstLive * placeholderTokens +
    (purpose === 'final' ? state.facts.finalTokens + frameTokens : 0);
  return Math.ceil((estimate * state.promptScale) / 1_000);
}

/** The reservation of the next call: its whole prompt and its longest completion. */
export function reserveModelCall(state: Carry, purpose: Purpose, firstLive?: number): Reservation {
  return { promptTokens: boundPrompt(state, purpose, firstLive), completionTokens: state.facts.maxTokens };
}

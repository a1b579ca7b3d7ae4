/**
 * The first observation that stays in view.
 *
 * @param observations how many observation messages the history has
 * @param keep newest ones that stay (K); −1 keeps all
 * @param extraSlots user messages that follow the history and take a slot each: the final prompt takes one
 *
 * Source: paper §3 (recency-based retention); the summary's slot: MiroThinker protocol §4.1.
 */
export function firstLiveObservation(observations: number, keep: number, extraSlots: number): number {
  if (keep < 0) return 0;
  return Math.max(0, observations - Math.max(0, keep - extraSlots));
}

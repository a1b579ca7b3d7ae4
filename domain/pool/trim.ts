/** When observations are masked. */
export interface TrimPolicy {
  /** Newest observations that a trim leaves in view (K). */
  readonly keep: number;
  /** Further ones that may gather before the next trim (B): 1 masks one at every turn, infinity masks only under pressure. */
  readonly batch: number;
  /** Prompt tokens beyond which it is trimmed at once; null: never for that reason. */
  readonly pressureTokens: number | null;
}

/** Where a run's view stands before its next call. */
export interface TrimView {
  /** Observations in the history, the newest included. */
  readonly observations: number;
  /** First one that was in view at the call before. */
  readonly firstLive: number;
  /** Tokens that the next prompt would have with that view. */
  readonly promptTokens: number;
}

/**
 * The first observation in view at the next call: the same as before, or a trim to the newest K.
 *
 * A view that stays keeps the whole prompt a prefix of the next one; a trim changes it from the first masked observation on.
 */
export function nextFirstLive(policy: TrimPolicy, view: TrimView): number {
  const { observations, firstLive, promptTokens } = view;
  const isFull = observations - firstLive >= policy.keep + policy.batch;
  const isPressed = policy.pressureTokens !== null && promptTokens > policy.pressureTokens;
  return isFull || isPressed ? Math.max(firstLive, observations - policy.keep) : firstLive;
}

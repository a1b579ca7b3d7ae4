/** How the attempts of a run go on. */
export interface Attempts<Summary> {
  /** The attempt that is made, from 1. */
  readonly attempt: number;
  /** Failure summaries of the attempts before it that have one, oldest first. */
  readonly summaries: readonly Summary[];
}

/** How one attempt ended: with an answer, without one, or because it could not be carried on. */
export interface AttemptOutcome<Summary> {
  readonly kind: 'answered' | 'unanswered' | 'crashed';
  /** Null where it wrote none. */
  readonly summary: Summary | null;
}

/** Is this attempt the last that may be made? */
export function isLastAttempt(restarts: number, attempt: number): boolean {
  return attempt > restarts;
}

/**
 * The attempt that follows, or null when the run is done: with an answer, after its last attempt, or because it broke down.
 *
 * Each attempt is told every failure summary so far; one without a summary leaves those of the earlier ones. Source: MiroThinker
 * protocol §5.3.
 */
export function nextAttempt<Summary>(
  restarts: number,
  attempts: Attempts<Summary>,
  outcome: AttemptOutcome<Summary>,
): Attempts<Summary> | null {
  if (outcome.kind !== 'unanswered' || isLastAttempt(restarts, attempts.attempt)) return null;
  const summaries = outcome.summary === null ? attempts.summaries : [...attempts.summaries, outcome.summary];
  return { attempt: attempts.attempt + 1, summaries };
}

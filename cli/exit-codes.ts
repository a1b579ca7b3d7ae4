import { type AppError, failures } from '../domain/errors.ts';
import type { OutcomeKind } from '../domain/outcome.ts';

/** How a command ended, for scripts. */
export const exitCodes = { ok: 0, other: 1, usage: 2, noAnswer: 3, failed: 4, cancelled: 5 } as const;

const ofOutcome = {
  answered: exitCodes.ok,
  abstained: exitCodes.noAnswer,
  budget_exhausted: exitCodes.noAnswer,
  failed: exitCodes.failed,
  cancelled: exitCodes.cancelled,
} as const satisfies Record<OutcomeKind, number>;

/** The exit code of a run that was watched to its end. */
export function toExitCode(outcome: OutcomeKind): number {
  return ofOutcome[outcome];
}

/** The exit code of a failure: 2 when what the person gave cannot be used, 1 for everything else. */
export function toFailureExitCode(failure: AppError): number {
  if (failure.type === 'Config.Invalid') return exitCodes.usage;
  const { http } = failures[failure.type];
  return http === 400 || http === 413 || http === 422 ? exitCodes.usage : exitCodes.other;
}

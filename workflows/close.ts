import { CancellationScope } from '@temporalio/workflow';
import type { ClosedStep, CloseStepInput } from '../activities/runs/contract.ts';
import type { RunEnd } from '../domain/outcome.ts';
import type { StepFailure } from '../domain/record.ts';
import { countEvents, type RunShell } from './run-shell.ts';

/** Closes a slot whose step will not be recorded by its own attempt; also while the run is being cancelled. */
export function closeSlot(shell: RunShell, slot: CloseStepInput): Promise<ClosedStep> {
  countEvents(shell, 2);
  return CancellationScope.nonCancellable(() => shell.runs.closeStep(slot));
}

/** The slot holds the answer to another request: to go on from it would be to decide on what was never asked. */
export function isFatal(failure: StepFailure): boolean {
  return failure.type === 'Ledger.ReplayDivergence' || failure.type === 'Ledger.HeadMismatch';
}

/** The end of a run that cannot go on. */
export function toFailedRun(failure: StepFailure): RunEnd {
  return { outcome: 'failed', stopReason: 'error', limitHit: null, failure };
}

import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { RunActivities } from '../activities/runs/contract.ts';
import type { Carry } from '../domain/carry.ts';
import type { RunRef } from '../domain/ids.ts';
import type { StepFailure } from '../domain/record.ts';

/** A run in the workflow's hands: its state, and what performs its actions. */
export interface RunShell {
  readonly run: RunRef;
  readonly queuePrefix: string;
  readonly runs: RunActivities;
  state: Carry;
}

/** Longest failure message that goes into history. */
const maxMessageChars = 400;

/** The failure behind an activity's failure; null for anything that is no failure of the engine, which is a bug and stays one. */
export function toRootFailure(error: unknown): StepFailure | null {
  if (!(error instanceof TemporalFailure)) return null;
  const root = error instanceof ActivityFailure ? (error.cause ?? error) : error;
  if (root instanceof ApplicationFailure) {
    return { type: root.type ?? 'Internal.Bug', message: root.message.slice(0, maxMessageChars) };
  }
  if (root instanceof TimeoutFailure) {
    return { type: 'Step.TimedOut', message: `step ran out of time: ${root.timeoutType}` };
  }
  if (root instanceof CancelledFailure) return { type: 'Run.Cancelled', message: 'the run was cancelled' };
  return { type: 'Internal.Bug', message: root.message.slice(0, maxMessageChars) };
}

import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { RunActivities } from '../activities/runs/contract.ts';
import type { Carry } from '../domain/carry.ts';
import { type BlockedStep, keepHeldTime, type StepDecision } from '../domain/holds.ts';
import type { RunRef } from '../domain/ids.ts';
import type { StepFailure } from '../domain/record.ts';

/** A step that waits for a person, and what was decided of it. */
export interface WaitingStep extends BlockedStep {
  readonly why: string;
  decision: StepDecision | null;
}

/** A run in the workflow's hands: its state, and what performs its actions. */
export interface RunShell {
  readonly run: RunRef;
  readonly queuePrefix: string;
  readonly runs: RunActivities;
  /** Steps that wait for a person now, by slot. None outlives its turn, so none is carried. */
  readonly waiting: Map<number, WaitingStep>;
  state: Carry;
  /** Set with the final call: holds that would change the run come too late. */
  isEnding: boolean;
}

/** Keeps the books of the time that the run stands still for people. */
export function noteHeldTime(shell: RunShell): void {
  const holds = keepHeldTime(shell.state.holds, shell.waiting.size, Date.now());
  shell.state = { ...shell.state, holds };
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

/** Counts events of ours that an activity (two) or an accepted update (one) makes, by the rule of `projectEvents`. */
export function countEvents(shell: RunShell, count: number): void {
  shell.state = { ...shell.state, nextEvent: shell.state.nextEvent + count };
}

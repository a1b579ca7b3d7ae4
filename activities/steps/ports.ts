import type { Slot } from '../../domain/record.ts';
import type { RecordedStep, StepDraft } from '../storage/trajectory-store.ts';

/** The part of the store that a step's protocol needs; the simulator stands in for it. */
export interface StepLedger {
  readonly readStep: (slot: Slot) => Promise<RecordedStep | null>;
  readonly putStep: (slot: Slot, draft: StepDraft) => Promise<{ readonly won: boolean; readonly step: RecordedStep }>;
}

/** Time, injected. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What a step's attempt may ask of its surroundings. */
export interface StepScope {
  /** Aborted on cancellation, on a drain, and at the attempt's end of time. */
  readonly signal: AbortSignal;
  /** Delivery number of this attempt, from 1. */
  readonly delivery: number;
  /** Of the step's task, 1 (first) to 5. */
  readonly priorityKey: number;
  /** Would one more fault be the last that this step has? */
  readonly isLastFault: boolean;
  /** Says what the attempt waits for, for `show`; null when it goes on. */
  readonly reportWaiting: (reason: string | null) => void;
}

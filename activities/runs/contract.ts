import type { Limits, Spent } from '../../domain/budget.ts';
import type { RunFacts } from '../../domain/carry.ts';
import type { FoldedState } from '../../domain/fold-steps.ts';
import type { QueuedMessage } from '../../domain/holds.ts';
import type { StepHold } from '../../domain/record.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { ParentPrefix } from '../../domain/manifest.ts';
import type { RunEnd } from '../../domain/outcome.ts';
import type { ModelReceipt, ToolReceipt } from '../../domain/receipt.ts';
import type { StepInput } from '../steps/contract.ts';

export interface OpenRunInput extends RunRef {
  readonly manifestDigest: string;
}

/** What the workflow knows of a run's manifest. */
export interface OpenedRun {
  readonly facts: RunFacts;
  readonly parent: ParentPrefix | null;
  /** What a fork's model is told first. */
  readonly message: QueuedMessage | null;
  /** The state after a fork's shared steps; null for a run from the beginning. */
  readonly resumed: FoldedState | null;
}

/** A person's message that becomes a step. */
export interface RecordMessageInput extends StepInput {
  readonly message: QueuedMessage;
}

/** What is left in history of a recorded message. */
export interface RecordedMessage {
  readonly recordDigest: string;
  readonly contentTokens: number;
}

/** Why a slot is closed without a result of its own attempt. */
export interface CloseStepInput extends StepInput {
  readonly kind: 'model' | 'tool';
  /** Present for tools. */
  readonly call: {
    readonly tool: string;
    readonly modelSeq: number;
    readonly callIndex: number;
    readonly modelRecord: string;
  } | null;
  readonly failure: { readonly type: string; readonly message: string };
  /** Absent when nobody took hold of the step. */
  readonly hold?: StepHold;
}

/** The record that stands in the slot now: the failure, or a late success that won. */
export interface ClosedStep {
  readonly recordDigest: string;
  /** Set when a late success of a model call was adopted. */
  readonly model: ModelReceipt | null;
  readonly tool: ToolReceipt | null;
}

export interface FinishRunInput extends RunRef {
  readonly manifestDigest: string;
  readonly head: string;
  /** Number of slots used: records `0..steps-1` exist. */
  readonly steps: number;
  readonly end: RunEnd;
  readonly spent: Spent;
  readonly limits: Limits;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** What is left in history of a run's end; the whole stands in the archive. */
export interface FinishedRun {
  readonly outcome: RunEnd['outcome'];
  readonly stopReason: RunEnd['stopReason'];
  readonly trajectoryDigest: string;
  readonly preview: string;
}

/** Activities of the orchestrator's own queue. */
export interface RunActivities {
  /** Reads the manifest. @throws `Input.NoManifest` when there is none or it is another one. */
  readonly openRun: (input: OpenRunInput) => Promise<OpenedRun>;
  /** Records a person's message in its slot. Idempotent. */
  readonly recordMessage: (input: RecordMessageInput) => Promise<RecordedMessage>;
  /** Puts a failure record if the slot is empty; returns whatever record stands there. Idempotent. */
  readonly closeStep: (input: CloseStepInput) => Promise<ClosedStep>;
  /** Writes the outcome and the archive's index entry. Idempotent. */
  readonly finishRun: (input: FinishRunInput) => Promise<FinishedRun>;
}

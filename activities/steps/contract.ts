import type { Purpose } from '../../domain/record.ts';
import type { ModelReceipt, ToolReceipt } from '../../domain/receipt.ts';

/** Which slot an activity fills. */
export interface StepInput {
  readonly tenant: string;
  readonly runId: string;
  readonly seq: number;
  readonly turn: number;
}

/** References of a model call; its text is rendered in the activity from the records before `seq`. */
export interface ModelStepInput extends StepInput {
  readonly purpose: Purpose;
  /** The audit chain over records `0..seq-1`; what is read is checked against it. */
  readonly head: string;
  readonly firstLive: number;
}

/** What a person decided of a call before it ran. */
export interface CallHold {
  readonly action: 'approve' | 'edit';
  readonly by: string;
  readonly why: string;
  /** The blob with the edited arguments; null for an approval. */
  readonly digest: string | null;
}

/** References of a tool call; its arguments are read from the model's record. */
export interface ToolStepInput extends StepInput {
  readonly tool: string;
  readonly modelSeq: number;
  readonly callIndex: number;
  /** Digest of the model's record, which holds the arguments. */
  readonly modelRecord: string;
  /** Absent for a call that nobody took hold of. */
  readonly hold?: CallHold;
}

/** Activities of the model pool. */
export interface ModelActivities {
  /** One model call. Recorded once; a retry returns the recorded result. */
  readonly callModel: (input: ModelStepInput) => Promise<ModelReceipt>;
}

/** Activities of the pools that run tools. */
export interface ToolActivities {
  /** One tool call. Recorded once; a tool's own failure is an observation, so the receipt's status is `failed`. */
  readonly callTool: (input: ToolStepInput) => Promise<ToolReceipt>;
}

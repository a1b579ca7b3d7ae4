import type { Carry } from '../domain/carry.ts';
import type { Hold } from '../domain/holds.ts';
import type { FinishedRun } from '../activities/runs/contract.ts';

/** Input of a run: where it is, and what its manifest must be. */
export interface ResearchRunInput {
  readonly tenant: string;
  readonly runId: string;
  readonly manifestDigest: string;
  /** Prefix of the pools' task queues. */
  readonly queuePrefix: string;
  /** State handed on by continue-as-new; null at the start. */
  readonly carry: Carry | null;
}

/** The workflow's name and shape, for clients. */
export type ResearchRun = (input: ResearchRunInput) => Promise<FinishedRun>;

/** Name under which {@link ResearchRun} is registered. */
export const researchRunType = 'researchRun';

/** Input of the archiving of an ended run. */
export interface ArchiveRunInput {
  readonly tenant: string;
  readonly runId: string;
  readonly queuePrefix: string;
}

/** Name under which the archiving of a run is registered. */
export const archiveRunType = 'archiveRun';

/** Holds on a live run are updates of these names, each taking the {@link Hold} of its type. */
export const holdUpdateNames = [
  'pause',
  'resume',
  'finalize',
  'steer',
  'budget',
  'step',
] as const satisfies readonly Hold['type'][];

/** What a hold answers once it is taken: how the run stands then. */
export interface HoldAnswer {
  readonly seq: number;
  readonly isPaused: boolean;
}

/** Type of the failure with which a validator refuses a hold; its first detail is the broken rule's name. */
export const holdRefusedType = 'Run.Conflict';

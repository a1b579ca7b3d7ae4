import type { Carry } from '../domain/carry.ts';
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

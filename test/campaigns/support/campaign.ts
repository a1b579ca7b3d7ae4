import type { BenchContext } from '../../../bench/support/bench-context.ts';

/** What every campaign is given: a folder of its own, progress lines, and the end of everything that it starts. */
export type CampaignContext = Omit<BenchContext, 'profileDirectory'>;

/** What the command line asks of a campaign. */
export interface CampaignOptions {
  /** Faults or cases to run; null: the campaign's own short form. */
  readonly points: number | null;
  /** The same seed gives the same faults at the same places. */
  readonly seed: number;
  /** The long form, with the numbers that are documented for it. */
  readonly full: boolean;
}

/** The last line of a campaign: these fields, and its own beside them. */
export interface CampaignResult {
  readonly campaign: string;
  readonly seed: number;
  /** Faults or attacks that took effect; a campaign in which none did has failed. */
  readonly fired: number;
  /** Invariants that were broken. */
  readonly violations: number;
  readonly ok: boolean;
}

/** Runs a campaign to its end. It throws only for what keeps it from running at all. */
export type Campaign = (context: CampaignContext, options: CampaignOptions) => Promise<CampaignResult>;

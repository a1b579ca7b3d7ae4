import type { LedgerRules } from '../../domain/ledger.ts';
import type { TrajectoryStore } from '../storage/trajectory-store.ts';

/** The part of the store that a step's protocol needs; the simulator stands in for it. */
export type StepLedger = Pick<TrajectoryStore, 'readSlot' | 'putClaim' | 'putStep'>;

/** Time, injected. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Who works here, and who does no more. */
export interface Holder {
  /** Names this process: host, pid and start. */
  readonly name: string;
  /** Was `holder` a process of this host, and is it gone? False when that cannot be told. */
  readonly isGone: (holder: string) => Promise<boolean>;
  /** A text that no other attempt has. */
  readonly newNonce: () => string;
}

/** What a step's attempt may ask of its surroundings. */
export interface StepScope {
  /** Aborted on cancellation, on a drain, and at the attempt's end of time. */
  readonly signal: AbortSignal;
  /** Delivery number of this attempt, from 1. */
  readonly delivery: number;
  /** Would one more fault be the last that this step has? */
  readonly isLastFault: boolean;
  /** Says what the attempt waits for, for `show`; null when it goes on. */
  readonly reportWaiting: (reason: string | null) => void;
}

/** What the protocol of a step stands on. */
export interface StepPorts {
  readonly ledger: StepLedger;
  readonly clock: Clock;
  readonly holder: Holder;
  readonly scope: StepScope;
  /** The protocol's guards; the simulator takes them away one by one. */
  readonly rules?: LedgerRules;
}

import type { ChoiceReason } from '../../../domain/pool/choose-replica.ts';
import type { ReplicaState } from '../../../domain/pool/replica-health.ts';
import type { FailureType } from '../../../domain/errors.ts';
import type { TokenUsage } from '../../../domain/usage.ts';

/** A run that goes on at another replica than the one that has its prefix. */
export interface Move {
  readonly run: string;
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  readonly reason: Extract<ChoiceReason, 'moved' | 'relieved'>;
}

/** A call that has ended at a replica. */
export interface EndedCall {
  readonly run: string;
  readonly tenant: string;
  readonly replica: string;
  readonly reason: ChoiceReason;
  /** Null when it gave a reply. */
  readonly failure: FailureType | null;
  /** Milliseconds to the first byte; null when none came. */
  readonly firstByteMs: number | null;
  readonly totalMs: number;
  readonly usage: TokenUsage | null;
  /** At the pool's own prices; null without them. */
  readonly costMicroUsd: number | null;
}

/** Takes what happens in a pool, for metrics and logs. *Contract:* never throws. */
export interface PoolObserver {
  readonly moved: (move: Move) => void;
  readonly ended: (call: EndedCall) => void;
  /** A prompt differs from the one before it at a message that was not masked: its prefix is computed anew at every turn. */
  readonly spoiled: (prompt: { readonly run: string; readonly message: number }) => void;
  /** A run was told to wait for room. */
  readonly parked: (run: string) => void;
  readonly changed: (change: { readonly replica: string; readonly state: ReplicaState | 'gone' }) => void;
}

/** Nobody looks. */
export const silentObserver: PoolObserver = {
  moved: () => {},
  ended: () => {},
  spoiled: () => {},
  parked: () => {},
  changed: () => {},
};

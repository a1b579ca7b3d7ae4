import { z } from 'zod';
import { AppError } from './errors.ts';
import { digestSchema } from './ids.ts';
import { type Slot, toStepKey } from './record.ts';
import type { Effect } from './tools.ts';

/**
 * What stands in a slot while an attempt works there: who, and since when.
 *
 * A slot is one key of the store and goes `empty → claim → record`, or `empty → record`, by conditional writes only. Since record
 * and claim share the key, whoever takes a claim over shuts its former holder out with the same write: a worker that was frozen
 * wakes to a slot that refuses what it wants to write.
 */
export const claimSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** Names the holder's process: host, pid and start. */
  holder: z.string().min(1).max(200),
  /** Names the attempt, so that two claims are never equal. */
  nonce: z.string().min(1).max(64),
  requestDigest: digestSchema,
  /** How often the claim was taken over; only rises. */
  epoch: z.int().min(1),
  /** Raised by the holder every few seconds: a claim that stands still has lost its holder. */
  beat: z.int().min(0),
  /** When the holder raised it last, by its own clock, in milliseconds since the epoch. */
  beatAtMs: z.int().min(0),
  /** True once a call that must happen at most once may have been made. */
  intent: z.boolean(),
});
export type Claim = z.infer<typeof claimSchema>;

/** Holder of a claim whose attempt ended without a record: anybody may take it at once. */
const nobody = 'nobody';

/** Between two beats of a claim, in milliseconds. */
export const claimBeatMs = 4_000;

/** A claim that nobody has raised for this long, as seen by the one who waits, is abandoned. */
export const claimStaleMs = 3 * claimBeatMs;

/** How far the clocks of two hosts may be apart when a claim's own time is believed, in milliseconds. */
const maxSkewMs = 5_000;

/** Who asks, and what it saw of a claim that another attempt holds. */
export interface ClaimWatch {
  readonly nowMs: number;
  /** Since when the claim has stood still before the watcher's eyes, in milliseconds since the epoch. */
  readonly unchangedSinceMs: number;
  /** Is the holder a process of this host that is no more? */
  readonly isGone: boolean;
}

/**
 * May a claim be taken over?
 *
 * Only money depends on it: a claim that is taken from a living holder costs one call that is thrown away, and no record is harmed.
 */
export function isAbandoned(claim: Claim, watch: ClaimWatch): boolean {
  if (claim.holder === nobody || watch.isGone) return true;
  if (watch.nowMs - watch.unchangedSinceMs >= claimStaleMs) return true;
  return watch.nowMs - claim.beatAtMs >= claimStaleMs + maxSkewMs;
}

/** A claim that replaces another one, or the first of a slot. */
export function toClaim(
  standing: Claim | null,
  mine: Pick<Claim, 'holder' | 'nonce' | 'requestDigest' | 'intent'> & { readonly nowMs: number },
): Claim {
  const { nowMs, ...names } = mine;
  return { schemaVersion: 1, ...names, epoch: (standing?.epoch ?? 0) + 1, beat: 0, beatAtMs: nowMs };
}

/** The next beat of a claim. */
export function beatClaim(claim: Claim, nowMs: number): Claim {
  return { ...claim, beat: claim.beat + 1, beatAtMs: nowMs };
}

/** What is left of a claim when its attempt ends without a record. Whether the one call may have been made stays known. */
export function releaseClaim(claim: Claim, nowMs: number): Claim {
  return { ...beatClaim(claim, nowMs), holder: nobody };
}

/** What a slot's record must be the answer to. */
export interface Asked {
  readonly slot: Slot;
  readonly requestDigest: string;
}

/** How long after its slot was last seen an attempt may still begin a call, in milliseconds. */
const maxUnconfirmedMs = 8_000;

/**
 * The guards of the step protocol, each a rule of its own: the simulator takes one away at a time and shows that it is missed.
 *
 * Beside them stand the conditions on the writes, which are the store's.
 */
export interface LedgerRules {
  /**
   * Must an attempt claim its slot before it begins? The first delivery of a step that may repeat need not: while it works nobody
   * else is asked to, and it claims when that takes long. A later delivery, and every call that may happen only once, does.
   */
  readonly mustClaimFirst: (effect: Effect, delivery: number) => boolean;
  /** Does a claim say that the one call may have been made? */
  readonly declaresIntent: (effect: Effect) => boolean;
  /** Was the one call perhaps made by an earlier attempt, so that its outcome is unknown and it is not made again? */
  readonly isOutcomeUnknown: (standing: Claim) => boolean;
  /**
   * A slot answers one request; null closes it without an answer, which fits every request.
   *
   * @throws AppError `Ledger.ReplayDivergence`
   */
  readonly assertSameRequest: (asked: Asked, standing: string | null) => void;
  /**
   * May a call begin so long after the slot was last seen? A process that was frozen in between wakes long after the engine has asked
   * somebody else, whose record may stand by now.
   */
  readonly mayBegin: (unconfirmedMs: number) => boolean;
  /** Names the step to receivers that deduplicate: the same in every attempt. */
  readonly toStepKey: typeof toStepKey;
}

export const ledgerRules: LedgerRules = {
  mustClaimFirst: (effect, delivery) => effect === 'unkeyed' || delivery > 1,
  declaresIntent: (effect) => effect === 'unkeyed',
  isOutcomeUnknown: (standing) => standing.intent,
  assertSameRequest: ({ slot, requestDigest }, standing) => {
    if (standing === null || standing === requestDigest) return;
    throw new AppError('Ledger.ReplayDivergence', {
      what: `slot ${slot.seq} of run ${slot.runId} holds the answer to request ${standing.slice(0, 12)}, now ${requestDigest.slice(0, 12)} is asked`,
      mend: 'The code that decides changed under a live run: fork before this step.',
    });
  },
  mayBegin: (unconfirmedMs) => unconfirmedMs < maxUnconfirmedMs,
  toStepKey,
};

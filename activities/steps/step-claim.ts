import { AppError } from '../../domain/errors.ts';
import {
  beatClaim,
  type Claim,
  claimBeatMs,
  isAbandoned,
  ledgerRules,
  releaseClaim,
  toClaim,
} from '../../domain/ledger.ts';
import type { Effect } from '../../domain/tools.ts';
import type { Slot } from '../../domain/record.ts';
import type { RecordedStep, SlotState } from '../storage/trajectory-store.ts';
import type { StepPorts } from './ports.ts';

/** What a claim is taken for. */
export interface ClaimPlan {
  readonly slot: Slot;
  readonly requestDigest: string;
  readonly effect: Effect;
}

/** A claim that this attempt holds. */
export interface HeldClaim {
  readonly claim: Claim;
  readonly tag: string;
}

/** The slot was recorded while it was waited for, or it is ours; `isUnknown` when an earlier attempt may have made the one call. */
export type Taken =
  | { readonly type: 'recorded'; readonly step: RecordedStep }
  | { readonly type: 'held'; readonly held: HeldClaim; readonly isUnknown: boolean };

/** Between two looks at a claim that another attempt holds, in milliseconds. */
const lookEveryMs = 500;

/**
 * Takes the slot for this attempt: at once when nobody works there, else when its holder has recorded, is gone, or stands still.
 *
 * *Contract:* ends with the record, or with a claim that was written over exactly what was seen. Honours the signal. A claim binds
 * nobody to its request: a person may have edited it since. Only a record does.
 */
export async function takeClaim(ports: StepPorts, plan: ClaimPlan, seen: SlotState): Promise<Taken> {
  const { ledger, clock, scope, rules = ledgerRules } = ports;
  const nonce = ports.holder.newNonce();
  let state = seen;
  let watch = { key: '', sinceMs: 0 };
  while (state.type !== 'record') {
    watch = watchOn(watch, state, clock.now());
    if (state.type === 'claim' && !(await mayTake(ports, state.claim, watch.sinceMs))) {
      scope.reportWaiting(`another attempt of this step is still at work (${state.claim.holder})`);
      await clock.sleep(lookEveryMs, scope.signal);
    } else {
      const held = await putOver(ports, plan, { standing: state.type === 'claim' ? state : null, nonce });
      scope.reportWaiting(null);
      if (held !== null) {
        const isUnknown = state.type === 'claim' && rules.isOutcomeUnknown(state.claim);
        return { type: 'held', held, isUnknown };
      }
    }
    state = await ledger.readSlot(plan.slot);
  }
  return { type: 'recorded', step: state.step };
}

/** Puts our claim over exactly what was seen; null when the slot has changed since. */
async function putOver(
  { ledger, clock, holder, rules = ledgerRules }: StepPorts,
  plan: ClaimPlan,
  { standing, nonce }: { readonly standing: HeldClaim | null; readonly nonce: string },
): Promise<HeldClaim | null> {
  const { slot, requestDigest, effect } = plan;
  const intent = rules.declaresIntent(effect);
  const names = { holder: holder.name, nonce, requestDigest, intent, nowMs: clock.now() };
  const claim = toClaim(standing?.claim ?? null, names);
  const tag = await ledger.putClaim(slot, claim, standing?.tag ?? null);
  return tag === null ? null : { claim, tag };
}

/** Since when the claim stands as it does. */
function watchOn(
  watch: { readonly key: string; readonly sinceMs: number },
  state: SlotState,
  nowMs: number,
): { readonly key: string; readonly sinceMs: number } {
  const key = state.type === 'claim' ? `${state.claim.nonce}/${state.claim.beat}` : '';
  return key === watch.key ? watch : { key, sinceMs: nowMs };
}

async function mayTake({ clock, holder }: StepPorts, claim: Claim, unchangedSinceMs: number): Promise<boolean> {
  const isGone = await holder.isGone(claim.holder);
  return isAbandoned(claim, { nowMs: clock.now(), unchangedSinceMs, isGone });
}

/** A claim that beats beside the work, or is made when the work takes long. */
export interface ClaimKeeper {
  /** Aborted when the slot is somebody else's: what is still being worked is in vain. */
  readonly lost: AbortSignal;
  /** When the slot was last seen to be ours, or free, in milliseconds since the epoch. */
  readonly confirmedAtMs: () => number;
  /** Ends the beating, and gives what is held. */
  readonly stop: () => Promise<HeldClaim | null>;
  /** Ends the beating of an attempt that has no record to show: the next one need not wait for it. Never throws. */
  readonly release: () => Promise<void>;
}

/**
 * Beats for a claim until it is stopped; without one it claims after the first pause. A store that is away is tried again.
 *
 * `seenAtMs`: when the slot was last seen to be free, or ours.
 */
export function keepClaim(
  ports: StepPorts,
  plan: ClaimPlan,
  { first, seenAtMs }: { readonly first: HeldClaim | null; readonly seenAtMs: number },
): ClaimKeeper {
  const { ledger, clock, holder } = ports;
  const stopped = new AbortController();
  const lost = new AbortController();
  let held = first;
  let confirmedAtMs = seenAtMs;
  const beat = async (): Promise<void> => {
    const nowMs = clock.now();
    const { requestDigest } = plan;
    const claim =
      held === null
        ? toClaim(null, { holder: holder.name, nonce: holder.newNonce(), requestDigest, intent: false, nowMs })
        : beatClaim(held.claim, nowMs);
    const tag = await ledger.putClaim(plan.slot, claim, held?.tag ?? null);
    if (tag !== null) {
      held = { claim, tag };
      confirmedAtMs = nowMs;
    } else held = await refind(ports, plan, held ?? { claim, tag: '' });
    if (held === null) lost.abort(fenced(plan.slot));
  };
  const beats = (async () => {
    while (!stopped.signal.aborted && !lost.signal.aborted) {
      try {
        await clock.sleep(claimBeatMs, stopped.signal);
        await beat();
      } catch {
        // Stopped, or the store is away: the next beat says more, and safety does not hang on it.
      }
    }
  })();
  const stop = async (): Promise<HeldClaim | null> => {
    stopped.abort();
    await beats;
    return held;
  };
  return {
    lost: lost.signal,
    confirmedAtMs: () => confirmedAtMs,
    stop,
    release: async () => {
      const last = await stop();
      if (last === null) return;
      try {
        await ledger.putClaim(plan.slot, releaseClaim(last.claim, clock.now()), last.tag);
      } catch {
        // The store is away: the claim goes stale by itself.
      }
    },
  };
}

/** A write that was refused may have been ours, taken by a store that could not say so: what stands in the slot tells. */
async function refind(ports: StepPorts, plan: ClaimPlan, held: HeldClaim): Promise<HeldClaim | null> {
  const state = await ports.ledger.readSlot(plan.slot);
  if (state.type !== 'claim' || state.claim.nonce !== held.claim.nonce) return null;
  return { claim: state.claim, tag: state.tag };
}

/** The failure of an attempt whose slot another one has taken over. */
export function fenced(slot: Slot): AppError {
  return new AppError('Ledger.Fenced', {
    what: `slot ${slot.seq} of run ${slot.runId} was taken over while this attempt stood still`,
    mend: 'Nothing: the other attempt goes on.',
    retryAfterMs: 100,
  });
}

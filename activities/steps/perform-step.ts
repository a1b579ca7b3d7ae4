import { AppError, failures, toAppError } from '../../domain/errors.ts';
import { type Slot, type StepKind, type StepRecord, toStepKey } from '../../domain/record.ts';
import type { RecordedStep, StepContents, StepDraft } from '../storage/trajectory-store.ts';
import type { Clock, StepLedger, StepScope } from './ports.ts';

/** What a step is, before it is done. */
export interface StepPlan {
  readonly slot: Slot;
  readonly kind: StepKind;
  readonly turn: number;
  readonly requestDigest: string;
  readonly effect: StepRecord['effect'];
}

/** What the work of a step gave. */
export interface StepWork extends Pick<
  StepRecord,
  'status' | 'failure' | 'contentTokens' | 'usage' | 'costMicroUsd' | 'model' | 'tool'
> {
  readonly contents: StepContents;
}

/** Waits between tries of a commit, in milliseconds; the last one repeats. */
const commitDelaysMs = [100, 250, 500, 1_000, 2_000, 5_000];

/**
 * The protocol of a step: look up → work → put if absent → adopt.
 *
 * *Contract:* a recorded step is never worked again; whoever loses the race for the slot returns the winner's record. Once the
 * work is done its result is kept until the store takes it or the attempt is ended, so that a store that is away costs nothing twice.
 *
 * @throws AppError `Ledger.ReplayDivergence` when the slot holds the answer to another request
 */
export async function performStep(
  ports: { readonly ledger: StepLedger; readonly clock: Clock; readonly scope: StepScope },
  plan: StepPlan,
  work: (stepKey: string) => Promise<StepWork>,
): Promise<RecordedStep> {
  const recorded = await ports.ledger.readStep(plan.slot);
  if (recorded !== null) return adopt(plan, recorded);
  const startedAtMs = ports.clock.now();
  const done = await work(toStepKey(plan.slot, plan.kind, plan.requestDigest));
  const { contents, ...facts } = done;
  const record = {
    schemaVersion: 1 as const,
    runId: plan.slot.runId,
    seq: plan.slot.seq,
    kind: plan.kind,
    turn: plan.turn,
    attempt: 1,
    requestDigest: plan.requestDigest,
    effect: plan.effect,
    startedAtMs,
    endedAtMs: ports.clock.now(),
    delivery: ports.scope.delivery,
    ...facts,
  };
  return adopt(plan, await commit(ports, plan.slot, { record, contents }));
}

/** The record that stands is the result, if it answers the same request or closed the slot. */
function adopt(plan: StepPlan, recorded: RecordedStep): RecordedStep {
  const standing = recorded.record.requestDigest;
  if (standing === null || standing === plan.requestDigest) return recorded;
  throw new AppError('Ledger.ReplayDivergence', {
    what: `slot ${plan.slot.seq} of run ${plan.slot.runId} holds the answer to request ${standing.slice(0, 12)}, now ${plan.requestDigest.slice(0, 12)} is asked`,
    mend: 'The code that decides changed under a live run: fork before this step.',
  });
}

/** Puts the record; while the store is away or full, reads again and puts again until the attempt is ended. */
async function commit(
  ports: { readonly ledger: StepLedger; readonly clock: Clock; readonly scope: StepScope },
  slot: Slot,
  draft: StepDraft,
): Promise<RecordedStep> {
  for (let tries = 0; ; tries += 1) {
    try {
      const standing = tries === 0 ? null : await ports.ledger.readStep(slot);
      if (standing !== null) return standing;
      const { step } = await ports.ledger.putStep(slot, draft);
      ports.scope.reportWaiting(null);
      return step;
    } catch (error) {
      const failure = toAppError(error);
      if (!failure.type.startsWith('Storage.') || failures[failure.type].retry !== 'wait') throw failure;
      ports.scope.reportWaiting(failure.message);
      const delayMs = commitDelaysMs[Math.min(tries, commitDelaysMs.length - 1)] ?? 1_000;
      await ports.clock.sleep(delayMs, ports.scope.signal);
    }
  }
}

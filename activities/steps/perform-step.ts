import { failures, toAppError } from '../../domain/errors.ts';
import { ledgerRules } from '../../domain/ledger.ts';
import type { StepKind, StepRecord } from '../../domain/record.ts';
import type { RecordedStep, SlotState, StepContents, StepDraft } from '../storage/trajectory-store.ts';
import type { StepPorts } from './ports.ts';
import { type ClaimPlan, fenced, type HeldClaim, keepClaim, takeClaim } from './step-claim.ts';

/** What a step is, before it is done. */
export interface StepPlan extends ClaimPlan {
  readonly kind: StepKind;
  readonly turn: number;
}

/** What the work of a step gave. */
export interface StepWork extends Pick<
  StepRecord,
  'status' | 'failure' | 'contentTokens' | 'usage' | 'costMicroUsd' | 'model' | 'tool' | 'hold'
> {
  readonly contents: StepContents;
}

/** What an attempt's work is told. */
export interface WorkContext {
  /** Names the step to receivers that deduplicate; the same in every attempt. */
  readonly stepKey: string;
  /** Aborted with the attempt, and when another attempt has taken the slot over. */
  readonly signal: AbortSignal;
  /**
   * To be called just before anything leaves this process: a worker that was frozen since it looked at its slot sends nothing.
   *
   * @throws AppError `Ledger.Fenced`
   */
  readonly begin: () => void;
}

/** How a step is done. */
export interface StepBody {
  readonly work: (context: WorkContext) => Promise<StepWork>;
  /** The result when an earlier attempt may have made a call that must not be made twice. Present for unkeyed tools. */
  readonly unknown?: () => StepWork;
}

/** Waits between tries of a commit, in milliseconds; the last one repeats. */
const commitDelaysMs = [100, 250, 500, 1_000, 2_000, 5_000];

/**
 * The protocol of a step: look up → claim where that is needed → work → put the record over what was claimed → adopt.
 *
 * *Contract:* a recorded step is never worked again; whoever loses the slot returns the winner's record, or ends as
 * `Ledger.Fenced` while the winner is at work. Once the work is done its result is kept until the store takes it or the attempt is
 * ended, so that a store that is away costs nothing twice. A write whose answer is lost is looked up before it is tried again.
 *
 * @throws AppError `Ledger.ReplayDivergence` when the slot holds the answer to another request
 */
export async function performStep(ports: StepPorts, plan: StepPlan, body: StepBody): Promise<RecordedStep> {
  const { rules = ledgerRules } = ports;
  const adopt = (recorded: RecordedStep): RecordedStep => {
    rules.assertSameRequest(plan, recorded.record.requestDigest);
    return recorded;
  };
  const lookedAtMs = ports.clock.now();
  const seen = await ports.ledger.readSlot(plan.slot);
  if (seen.type === 'record') return adopt(seen.step);
  const isClaimed = seen.type === 'claim' || rules.mustClaimFirst(plan.effect, ports.scope.delivery);
  const taken = isClaimed ? await takeClaim(ports, plan, seen) : null;
  if (taken?.type === 'recorded') return adopt(taken.step);
  const startedAtMs = ports.clock.now();
  const { done, held } = await doWork(ports, plan, { body, taken, lookedAtMs });
  const { contents, ...facts } = done;
  const record: StepDraft['record'] = {
    schemaVersion: 1,
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
  return adopt(await commit(ports, plan, { draft: { record, contents }, held }));
}

interface Begun {
  readonly body: StepBody;
  readonly taken: { readonly held: HeldClaim; readonly isUnknown: boolean } | null;
  readonly lookedAtMs: number;
}

/** Does the work under its claim. The claim, as it stands at the end, is what the record is put over. */
async function doWork(
  ports: StepPorts,
  plan: StepPlan,
  { body, taken, lookedAtMs }: Begun,
): Promise<{ readonly done: StepWork; readonly held: HeldClaim | null }> {
  const { clock, rules = ledgerRules } = ports;
  if (taken?.isUnknown === true && body.unknown !== undefined) return { done: body.unknown(), held: taken.held };
  const first = taken?.held ?? null;
  const keeper = keepClaim(ports, plan, { first, seenAtMs: first?.claim.beatAtMs ?? lookedAtMs });
  const begin = (): void => {
    if (keeper.lost.aborted || !rules.mayBegin(clock.now() - keeper.confirmedAtMs())) throw fenced(plan.slot);
  };
  const signal = AbortSignal.any([ports.scope.signal, keeper.lost]);
  try {
    const stepKey = rules.toStepKey(plan.slot, plan.kind, plan.requestDigest);
    const done = await body.work({ stepKey, signal, begin });
    return { done, held: await keeper.stop() };
  } catch (error) {
    await keeper.release();
    throw keeper.lost.aborted ? fenced(plan.slot) : error;
  }
}

/** Puts the record; while the store is away or full, reads again and puts again until the attempt is ended. */
async function commit(
  ports: StepPorts,
  plan: StepPlan,
  { draft, held }: { readonly draft: StepDraft; readonly held: HeldClaim | null },
): Promise<RecordedStep> {
  const { ledger, clock, scope } = ports;
  let tag = held?.tag ?? null;
  for (let tries = 0; ; tries += 1) {
    try {
      if (tries > 0) {
        const found = settle(plan, held, await ledger.readSlot(plan.slot));
        if (found.step !== null) return found.step;
        ({ tag } = found);
      }
      const put = await ledger.putStep(plan.slot, draft, tag);
      scope.reportWaiting(null);
      if (put.won) return put.step;
      const found = settle(plan, held, put.standing);
      if (found.step !== null) return found.step;
      ({ tag } = found);
    } catch (error) {
      const failure = toAppError(error);
      if (!failure.type.startsWith('Storage.') || failures[failure.type].retry !== 'wait') throw failure;
      scope.reportWaiting(failure.message);
      const delayMs = commitDelaysMs[Math.min(tries, commitDelaysMs.length - 1)] ?? 1_000;
      await clock.sleep(delayMs, scope.signal);
    }
  }
}

/** What a slot that refused our record, or may have taken it, says. @throws AppError `Ledger.Fenced` when it is another's */
function settle(
  plan: StepPlan,
  held: HeldClaim | null,
  standing: SlotState,
): { readonly step: RecordedStep | null; readonly tag: string | null } {
  if (standing.type === 'record') return { step: standing.step, tag: null };
  if (standing.type === 'empty') return { step: null, tag: null };
  if (held !== null && standing.claim.nonce === held.claim.nonce) return { step: null, tag: standing.tag };
  throw fenced(plan.slot);
}

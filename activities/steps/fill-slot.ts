import type { Slot } from '../../domain/record.ts';
import type { RecordedStep, StepDraft } from '../storage/trajectory-store.ts';
import type { StepLedger } from './ports.ts';

/**
 * Fills a slot whose step will not be recorded by its own attempt; gives the record that stands.
 *
 * *Contract:* an attempt that still works on the slot is shut out by the same write; a success that came in time is adopted.
 * `wasCalled`: a call that may happen only once was perhaps made.
 */
export async function fillSlot(
  ledger: Pick<StepLedger, 'readSlot' | 'putStep'>,
  slot: Slot,
  toDraft: (wasCalled: boolean) => StepDraft,
): Promise<RecordedStep> {
  for (;;) {
    const standing = await ledger.readSlot(slot);
    if (standing.type === 'record') return standing.step;
    const claim = standing.type === 'claim' ? standing : null;
    const put = await ledger.putStep(slot, toDraft(claim?.claim.intent ?? false), claim?.tag ?? null);
    if (put.won) return put.step;
  }
}

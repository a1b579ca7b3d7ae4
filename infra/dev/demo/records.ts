import { toStepKey } from '../../../domain/record.ts';
import type { StepRecord } from '../../../domain/record.ts';
import { openStorage } from '../../../workers/compose/storage.ts';
import type { Stack } from '../stack/stack.ts';
import type { RecordedSlot } from './tally.ts';

/** A run's records, read from the store itself: what the demo counts is what is really there. */
export interface Records {
  readonly read: (seq: number) => Promise<StepRecord | null>;
  readonly readAll: () => Promise<StepRecord[]>;
  /** How many slots from the first one on have a record. */
  readonly count: () => Promise<number>;
}

const tenant = 'default';

/** Opens the store of a stack for one run. */
export async function openRecords(stack: Stack, publicId: string): Promise<Records> {
  const runId = publicId.replace(/^rsch_/, '');
  const { trajectory } = await openStorage({ kind: 'directory', directory: stack.store.replace(/^file:/, '') });
  const read = async (seq: number): Promise<StepRecord | null> =>
    (await trajectory.readStep({ tenant, runId, seq }))?.record ?? null;
  const readAll = async (): Promise<StepRecord[]> => {
    const records: StepRecord[] = [];
    for (;;) {
      const record = await read(records.length);
      if (record === null) return records;
      records.push(record);
    }
  };
  return { read, readAll, count: async () => (await readAll()).length };
}

/** What a record says about requests: under which key its step asked, and when it was done. */
export function toRecordedSlot(record: StepRecord): RecordedSlot {
  const { requestDigest, kind, runId, seq, endedAtMs } = record;
  const stepKey = requestDigest === null ? null : toStepKey({ tenant, runId, seq }, kind, requestDigest);
  return { stepKey, endedAtMs };
}

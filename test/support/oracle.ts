import type { RunRef } from '../../domain/ids.ts';
import { toStepKey } from '../../domain/record.ts';
import type { RecordedStep, TrajectoryStore } from '../../activities/storage/trajectory-store.ts';

/** A request as a server logged it when it arrived. */
export interface LoggedRequest {
  readonly stepKey: string | null;
  readonly at: string;
}

/** All records of a run, in order, until the first empty slot. */
export async function readRecords(trajectory: TrajectoryStore, run: RunRef): Promise<RecordedStep[]> {
  const steps: RecordedStep[] = [];
  for (;;) {
    const step = await trajectory.readStep({ ...run, seq: steps.length });
    if (step === null) return steps;
    steps.push(step);
  }
}

/** Requests that arrived after their slot had been recorded: each is a step that was paid for twice. */
export function countRepeated(run: RunRef, steps: readonly RecordedStep[], requests: readonly LoggedRequest[]): number {
  const endedAt = new Map<string, number>();
  for (const { record } of steps) {
    if (record.requestDigest === null) continue;
    endedAt.set(toStepKey({ ...run, seq: record.seq }, record.kind, record.requestDigest), record.endedAtMs);
  }
  return requests.filter(({ stepKey, at }) => {
    const ended = stepKey === null ? undefined : endedAt.get(stepKey);
    return ended !== undefined && Date.parse(at) > ended;
  }).length;
}

import type { TrajectoryStore } from '../../activities/storage/trajectory-store.ts';
import type { RunRef } from '../../domain/ids.ts';
import { type StepRecord, toStepKey } from '../../domain/record.ts';
import type { Arrivals } from './subject.ts';

/** What came more than once in a run. */
export interface Repetition {
  /** Requests whose slot was recorded before they arrived: must be 0. */
  readonly repeated: number;
  /** Requests of a slot beyond its first one, while it was not recorded: the calls that were cut off by a kill. */
  readonly reissued: number;
  /** The most deliveries that a step of the run took: 2 when it was cut off and done by the next worker. */
  readonly deliveries: number;
}

interface Asked {
  readonly key: string;
  readonly at: number;
}

/** A page is asked for without a key: its address stands for the step that recorded it. */
function toKeys(run: RunRef, record: StepRecord): string[] {
  const { requestDigest, seq, kind, tool } = record;
  const key = requestDigest === null ? [] : [toStepKey({ ...run, seq }, kind, requestDigest)];
  const url = tool?.source?.url;
  return url === undefined ? key : [...key, new URL(url).pathname];
}

/** Compares every request that arrived with the records of the run. */
export async function countRepetition(
  trajectory: TrajectoryStore,
  run: RunRef,
  arrivals: Arrivals,
): Promise<Repetition> {
  const asked: Asked[] = [
    ...[...arrivals.model, ...arrivals.tool].map(({ stepKey, at }) => ({ key: stepKey ?? '', at })),
    ...arrivals.page.map(({ url, at }) => ({ key: url, at })),
  ];
  let repeated = 0;
  let reissued = 0;
  let deliveries = 1;
  for (let seq = 0; ; seq += 1) {
    const step = await trajectory.readStep({ ...run, seq });
    if (step === null) return { repeated, reissued, deliveries };
    const { record } = step;
    deliveries = Math.max(deliveries, record.delivery);
    // A step that reads a page makes two requests; cut off, it makes both again.
    const requests = toKeys(run, record).map((key) => asked.filter((each) => each.key === key));
    const late = requests.flat().filter(({ at }) => at > record.endedAtMs).length;
    repeated += late;
    if (late === 0) reissued += Math.max(0, ...requests.map(({ length }) => length - 1));
  }
}

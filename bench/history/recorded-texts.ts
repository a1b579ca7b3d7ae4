import { createHash } from 'node:crypto';
import type { TrajectoryStore } from '../../activities/storage/trajectory-store.ts';
import type { RunRef } from '../../domain/ids.ts';

/** The 1,200 texts of W600, joined: model 0, tool 0, model 1, … Source: the workload's definition. */
export const w600Texts = {
  turns: 600,
  bytes: 10_559_828,
  sha256: 'f56963dfe7e566fb78afb727a4a646fe89f16651d903541be0c8121bd26a9bdb',
} as const;

/** A reply ends with its call, which is no part of the workload's text. */
const callSeparator = '\n\n<use_mcp_tool>';

/** Reads every record of a run's turns back and digests the workload's own texts, in order. */
export async function digestTexts(
  trajectory: TrajectoryStore,
  run: RunRef,
  turns: number,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (let seq = 0; seq < 2 * turns; seq += 1) {
    const step = await trajectory.readStep({ ...run, seq });
    const name = seq % 2 === 0 ? 'reply' : 'observation';
    const recorded = step === null ? null : await trajectory.readText(run.tenant, step, name);
    if (recorded === null) throw new Error(`step ${seq} of run ${run.runId} has no ${name}`);
    const text = name === 'reply' ? recorded.slice(0, recorded.lastIndexOf(callSeparator)) : recorded;
    hash.update(text);
    bytes += Buffer.byteLength(text);
  }
  return { bytes, sha256: hash.digest('hex') };
}

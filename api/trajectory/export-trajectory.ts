import { createBlobStore } from '../../activities/storage/blob-store.ts';
import type { RecordedStep } from '../../activities/storage/trajectory-store.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { digestManifest, type RunManifest } from '../../domain/manifest.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import { extendHead } from '../../domain/record.ts';
import type { ApiPorts } from '../ports.ts';
import { readContents } from './read-contents.ts';

/** Whether the contents of steps come with the records, or only their digests. */
export type ContentMode = 'inline' | 'ref';

/** The record of a slot; a fork's shared prefix is read from the run that holds it. */
export async function readOwnedStep(
  { trajectory }: Pick<ApiPorts, 'trajectory'>,
  manifest: RunManifest,
  seq: number,
): Promise<RecordedStep | null> {
  let owner: RunManifest = manifest;
  while (owner.parent !== null && seq <= owner.parent.uptoSeq) {
    const { runId } = owner.parent;
    const parent = await trajectory.readManifest({ tenant: manifest.tenant, runId });
    if (parent === null)
      throw new AppError('Storage.Missing', { what: `the manifest of run ${runId} is not in the store` });
    owner = parent;
  }
  return await trajectory.readStep({ tenant: manifest.tenant, runId: owner.runId, seq });
}

/**
 * A run's whole trajectory as JSON lines, from the object store alone: `run`, a `step` for each record, `outcome` once it ended.
 *
 * *Contract:* records are as they were written, so that digests can be computed again; the audit chain is checked on the way and a
 * record that does not fit is an error. On a live run the lines end with the last record.
 */
export async function* exportTrajectory(
  ports: ApiPorts,
  manifest: RunManifest,
  mode: ContentMode,
): AsyncGenerator<object, void, undefined> {
  const run: RunRef = manifest;
  const blobs = createBlobStore(ports.objects);
  const digest = digestManifest(manifest);
  yield { type: 'run', ...manifest, digest };
  let head = digest;
  let outcome: RunOutcome | null = null;
  for (let seq = 0; ; seq += 1) {
    let step = await readOwnedStep(ports, manifest, seq);
    if (step === null) {
      outcome ??= await ports.trajectory.readOutcome(run);
      if (outcome === null || seq >= outcome.steps) break;
      // It was written after the slot was looked at, and before the outcome was.
      step = await readOwnedStep(ports, manifest, seq);
    }
    if (step === null)
      throw new AppError('Storage.Missing', { what: `step ${seq} of run ${run.runId} is not in the store` });
    head = extendHead(head, step.digest);
    const contents = mode === 'ref' ? step.record.contents : await readContents(blobs, run.tenant, step);
    yield { type: 'step', ...step.record, contents, digest: step.digest };
  }
  if (outcome === null) return;
  if (outcome.head !== head) {
    throw new AppError('Ledger.HeadMismatch', {
      what: `the records of run ${run.runId} do not give the head of its outcome`,
      mend: 'A record was changed after it was written: restore the object store.',
    });
  }
  yield { type: 'outcome', ...outcome };
}

import { LRUCache } from 'lru-cache';
import { type AppError, failures, toAppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import type { TrajectoryStore } from '../../activities/storage/trajectory-store.ts';

/** What the archive has of a run; `away` is set when it could not be asked. */
interface ArchivedRun {
  readonly manifest: RunManifest | null;
  readonly outcome: RunOutcome | null;
  readonly away: AppError | null;
}

/** Reads manifests and outcomes; both never change, so they are kept. */
export type RunReader = (run: RunRef) => Promise<ArchivedRun>;

const maxRuns = 500;

/** A reader over the trajectory store. A store that is away is told, not thrown: the engine may still know the run. */
export function createRunReader(trajectory: TrajectoryStore): RunReader {
  const manifests = new LRUCache<string, RunManifest>({ max: maxRuns });
  const outcomes = new LRUCache<string, RunOutcome>({ max: maxRuns });
  return async (run) => {
    const key = `${run.tenant}/${run.runId}`;
    try {
      const manifest = manifests.get(key) ?? (await trajectory.readManifest(run));
      if (manifest !== null) manifests.set(key, manifest);
      const outcome = outcomes.get(key) ?? (manifest === null ? null : await trajectory.readOutcome(run));
      if (outcome !== null) outcomes.set(key, outcome);
      return { manifest, outcome, away: null };
    } catch (error) {
      const failure = toAppError(error);
      if (failures[failure.type].retry !== 'wait') throw failure;
      return { manifest: manifests.get(key) ?? null, outcome: outcomes.get(key) ?? null, away: failure };
    }
  };
}

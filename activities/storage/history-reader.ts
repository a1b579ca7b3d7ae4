import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { digestManifest, type ParentPrefix, type RunManifest } from '../../domain/manifest.ts';
import {
  type ContentRef,
  extendHead,
  extendTrajectory,
  type StepKind,
  type StepRecord,
  trajectoryRoot,
} from '../../domain/record.ts';
import type { RecordedStep, TrajectoryStore } from './trajectory-store.ts';

/** A record with the one text that a prompt needs of it: the reply, or the observation. */
export interface HistoryStep {
  readonly record: StepRecord;
  readonly digest: string;
  /** Null when it is not loaded: masked observations are let go. */
  text: string | null;
}

/** A run's records `0..upto-1`, checked against the audit chain. */
export interface History {
  readonly manifest: RunManifest;
  readonly steps: readonly HistoryStep[];
  /** The trajectory chain over these steps. */
  readonly trajectory: string;
}

interface CachedRun {
  readonly manifest: RunManifest;
  /** Steps of the parent that a fork shares; its own begin after them. */
  readonly prefix: readonly HistoryStep[];
  readonly own: HistoryStep[];
  /** Chain values before own step n. */
  readonly heads: string[];
  readonly trajectories: string[];
}

/** Reads runs from the store, keeping what was read for the next turn. */
export interface HistoryReader {
  /**
   * Records `0..upto-1` of a run, verified against `head`.
   *
   * @throws AppError `Input.NoManifest`, `Storage.Missing`, `Storage.Corrupt` or `Ledger.HeadMismatch`
   */
  readonly read: (run: RunRef, upto: number, head: string) => Promise<History>;
  /** The text of a step: from memory, else from the store. */
  readonly textOf: (run: RunRef, step: HistoryStep) => Promise<string>;
  readonly readManifest: (run: RunRef) => Promise<RunManifest>;
  /** The run that holds a slot: a parent's for the shared prefix of a fork. */
  readonly ownerOf: (run: RunRef, seq: number) => Promise<RunRef>;
  /** Remembers a step that this process has just recorded, so that the next turn need not read it. */
  readonly note: (run: RunRef, step: HistoryStep) => void;
}

/** The one text of a record that a prompt shows, by the record's kind. */
export const textNames = { model: 'reply', tool: 'observation', message: 'message' } as const satisfies Record<
  StepKind,
  ContentRef['name']
>;
const readsAtOnce = 16;

interface Readers {
  readonly trajectory: TrajectoryStore;
  readonly readManifest: (run: RunRef) => Promise<RunManifest>;
}

/** Manifests never change, so they are kept. */
function createManifestReader(trajectory: TrajectoryStore, maxRuns: number): Readers['readManifest'] {
  const cache = new LRUCache<string, RunManifest>({ max: maxRuns });
  return async (run) => {
    const key = `${run.tenant}/${run.runId}`;
    const manifest = cache.get(key) ?? (await trajectory.readManifest(run));
    if (manifest === null) {
      throw new AppError('Input.NoManifest', {
        what: `run ${run.runId} of tenant ${run.tenant} has no manifest in the store`,
        mend: 'Submit runs through the API or the CLI, and give workers the same object store.',
      });
    }
    cache.set(key, manifest);
    return manifest;
  };
}

function parentOf(run: RunRef, parent: ParentPrefix): RunRef {
  return { tenant: run.tenant, runId: parent.runId };
}

/** The run that holds a slot: a parent's for the shared prefix of a fork. */
async function ownerOf(readers: Readers, run: RunRef, seq: number): Promise<RunRef> {
  let owner = run;
  let { parent } = await readers.readManifest(run);
  while (parent !== null && seq <= parent.uptoSeq) {
    owner = parentOf(run, parent);
    ({ parent } = await readers.readManifest(owner));
  }
  return owner;
}

async function readRecorded(readers: Readers, run: RunRef, seq: number): Promise<RecordedStep> {
  const owner = await ownerOf(readers, run, seq);
  const step = await readers.trajectory.readStep({ ...owner, seq });
  if (step !== null) return step;
  throw new AppError('Storage.Missing', { what: `step ${seq} of run ${owner.runId} is not in the store` });
}

async function loadStep(readers: Readers, run: RunRef, seq: number): Promise<HistoryStep> {
  const step = await readRecorded(readers, run, seq);
  const text = await readers.trajectory.readText(run.tenant, step, textNames[step.record.kind]);
  return { record: step.record, digest: step.digest, text };
}

/** Brings a cached run up to `upto` records; calls for the same run may overlap. */
async function extend(readers: Readers, cached: CachedRun, upto: number): Promise<void> {
  const limit = pLimit(readsAtOnce);
  const from = lengthOf(cached);
  const missing = Array.from({ length: Math.max(0, upto - from) }, (_, index) => from + index);
  const loaded = await Promise.all(missing.map((seq) => limit(() => loadStep(readers, cached.manifest, seq))));
  for (const step of loaded) append(cached, step);
}

function lengthOf(cached: CachedRun): number {
  return cached.prefix.length + cached.own.length;
}

/** Adds the next record; one that is there already, through a call for the same run, is left out. */
function append(cached: CachedRun, step: HistoryStep): void {
  if (step.record.seq !== lengthOf(cached)) return;
  const at = cached.own.length;
  cached.own.push(step);
  cached.heads.push(extendHead(cached.heads[at] ?? '', step.digest));
  cached.trajectories.push(extendTrajectory(cached.trajectories[at] ?? '', step.record));
}

/** A history reader over a trajectory store; `maxRuns` bounds what it keeps in memory. */
export function createHistoryReader(ports: { trajectory: TrajectoryStore; maxRuns: number }): HistoryReader {
  const cache = new LRUCache<string, CachedRun>({ max: ports.maxRuns });
  const readManifest = createManifestReader(ports.trajectory, ports.maxRuns);
  const readers: Readers = { trajectory: ports.trajectory, readManifest };
  const open = async (run: RunRef): Promise<CachedRun> => {
    const manifest = await readManifest(run);
    const { parent } = manifest;
    // The parent's own cache serves all of its forks; its chain up to the fork is checked like that of any run.
    const shared = parent === null ? null : await read(parentOf(run, parent), parent.uptoSeq + 1, parent.head);
    return {
      manifest,
      prefix: shared?.steps ?? [],
      own: [],
      heads: [digestManifest(manifest)],
      trajectories: [shared?.trajectory ?? trajectoryRoot],
    };
  };
  const read = async (run: RunRef, upto: number, head: string): Promise<History> => {
    const key = `${run.tenant}/${run.runId}`;
    // Opening a run again is only for records that were changed behind the cache.
    for (const take of [() => cache.get(key), () => open(run)]) {
      const cached = await take();
      if (cached === undefined) continue;
      await extend(readers, cached, upto);
      const ownSteps = upto - cached.prefix.length;
      if (cached.heads[ownSteps] !== head) continue;
      cache.set(key, cached);
      const { manifest, prefix, own, trajectories } = cached;
      return { manifest, steps: [...prefix, ...own.slice(0, ownSteps)], trajectory: trajectories[ownSteps] ?? '' };
    }
    cache.delete(key);
    throw new AppError('Ledger.HeadMismatch', {
      what: `records 0..${upto - 1} of run ${run.runId} do not give the head that the workflow holds`,
      mend: 'A record was changed after it was written: restore the object store, or fork before that step.',
    });
  };
  const textOf = async (run: RunRef, step: HistoryStep): Promise<string> => {
    if (step.text !== null) return step.text;
    const again = await loadStep(readers, run, step.record.seq);
    if (again.digest === step.digest) return again.text ?? '';
    throw new AppError('Storage.Corrupt', {
      what: `step ${step.record.seq} of run ${run.runId} is not the record that was read before`,
    });
  };
  const note = (run: RunRef, step: HistoryStep) => {
    const cached = cache.get(`${run.tenant}/${run.runId}`);
    if (cached !== undefined) append(cached, step);
  };
  return { read, textOf, readManifest, ownerOf: (run, seq) => ownerOf(readers, run, seq), note };
}

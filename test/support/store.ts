import { createBlobStore } from '../../activities/storage/blob-store.ts';
import { createHistoryReader } from '../../activities/storage/history-reader.ts';
import type { ObjectStore } from '../../activities/storage/ports.ts';
import { createTrajectoryStore, type StepDraft } from '../../activities/storage/trajectory-store.ts';
import type { Clock, StepScope } from '../../activities/steps/ports.ts';
import type { StepRecord } from '../../domain/record.ts';
import { createMemoryObjectStore } from '../api/memory-object-store.ts';
import { aModelRecord } from './facts.ts';

/** Stores over one object store in memory, whose calls can be counted and changed. */
export function openMemoryStorage(change: (objects: ObjectStore) => Partial<ObjectStore> = () => ({})) {
  const objects = createMemoryObjectStore();
  const calls: string[] = [];
  const { get } = objects;
  const watched: ObjectStore = {
    ...objects,
    get: (key) => {
      calls.push(key);
      return get(key);
    },
    ...change(objects),
  };
  const blobs = createBlobStore(watched);
  const trajectory = createTrajectoryStore({ objects: watched, blobs });
  const history = createHistoryReader({ trajectory, maxRuns: 8 });
  /** `reads` has the key of every get since it was emptied. */
  return { objects, blobs, trajectory, history, reads: calls };
}

/** A record that is to be written, with a reply as its content. */
export function aDraft(reply: string, change: Partial<StepRecord> = {}): StepDraft {
  const { contents: _contents, ...record } = aModelRecord(change);
  return { record, contents: { reply } };
}

/** A clock that stands still and never waits; `slept` has what was asked of it. */
export function aStillClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 5_000,
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      slept.push(ms);
    },
  };
}

/** The surroundings of a first attempt; `waits` has what it said it waits for. */
export function aScope(change: Partial<StepScope> = {}): StepScope & { readonly waits: (string | null)[] } {
  const waits: (string | null)[] = [];
  return {
    signal: new AbortController().signal,
    delivery: 1,
    priorityKey: 3,
    isLastFault: false,
    reportWaiting: (reason) => {
      waits.push(reason);
    },
    ...change,
    waits,
  };
}

import { createBlobStore } from '../../activities/storage/blob-store.ts';
import { createHistoryReader } from '../../activities/storage/history-reader.ts';
import type { ObjectStore } from '../../activities/storage/ports.ts';
import {
  createTrajectoryStore,
  type RecordedStep,
  type StepDraft,
  type TrajectoryStore,
} from '../../activities/storage/trajectory-store.ts';
import type { Clock, Holder, StepScope } from '../../activities/steps/ports.ts';
import { claimBeatMs } from '../../domain/ledger.ts';
import type { Slot, StepRecord } from '../../domain/record.ts';
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

/** Puts a record into an empty slot, and gives it as it stands. */
export async function putRecord(trajectory: TrajectoryStore, slot: Slot, draft: StepDraft): Promise<RecordedStep> {
  const put = await trajectory.putStep(slot, draft);
  if (put.won) return put.step;
  throw new Error(`slot ${slot.seq} is taken`);
}

/** A process that works on steps; the ones named in `gone` are no more. */
export function aHolder(name = 'here/1/1', gone: readonly string[] = []): Holder {
  let nonces = 0;
  return { name, newNonce: () => `${name}#${(nonces += 1)}`, isGone: async (holder) => gone.includes(holder) };
}

/** A clock that stands still and never waits, but for the beat of a claim, which never comes; `slept` has what was asked of it. */
export function aStillClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 5_000,
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      if (ms === claimBeatMs) await untilAborted(signal);
      slept.push(ms);
    },
  };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(toReason(signal)), { once: true }));
}

function toReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('aborted');
}

/** A clock that jumps over every wait, so that minutes pass in no time. */
export function aJumpingClock(startMs = 1_000_000): Clock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    sleep: async (ms, signal) => {
      // A turn of the event loop for whatever else is under way.
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      nowMs += ms;
    },
  };
}

/** The surroundings of a first attempt; `waits` has what it said it waits for. */
export function aScope(change: Partial<StepScope> = {}): StepScope & { readonly waits: (string | null)[] } {
  const waits: (string | null)[] = [];
  return {
    signal: new AbortController().signal,
    delivery: 1,
    isLastFault: false,
    reportWaiting: (reason) => {
      waits.push(reason);
    },
    ...change,
    waits,
  };
}

import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { Holder, Clock } from '../../activities/steps/ports.ts';
import type { BlobStore } from '../../activities/storage/blob-store.ts';
import type { TrajectoryStore } from '../../activities/storage/trajectory-store.ts';
import type { HistoryReader } from '../../activities/storage/history-reader.ts';
import { systemClock } from '../compose/clock.ts';
import type { Storage } from '../compose/storage.ts';
import type { WorkerConfig } from '../compose/config.ts';

/** What a pool is built from. */
export interface PoolContext {
  readonly config: WorkerConfig;
  readonly storage: Storage;
  readonly history: HistoryReader;
  readonly holder: Holder;
  readonly client: Client;
  readonly logger: Logger;
  /** True when host and store were proven by an earlier worker of the same supervisor. */
  readonly isProven: boolean;
}

/** What every step stands on, whatever its pool. */
export function toStepPorts({ storage, history, holder }: PoolContext): {
  readonly trajectory: TrajectoryStore;
  readonly blobs: BlobStore;
  readonly history: HistoryReader;
  readonly clock: Clock;
  readonly holder: Holder;
} {
  const { trajectory, blobs } = storage;
  return { trajectory, blobs, history, clock: systemClock, holder };
}

/** A pool as a worker serves it. */
export interface Pool {
  /** Activity functions by name. */
  readonly activities: object;
  /** Called once, when the worker begins to poll. */
  readonly begin: () => void;
  /** Ends what the pool started beside its activities. */
  readonly close: () => Promise<void>;
}

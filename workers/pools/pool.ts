import type { Client } from '@temporalio/client';
import type { Logger } from 'pino';
import type { HistoryReader } from '../../activities/storage/history-reader.ts';
import type { Storage } from '../compose/storage.ts';
import type { WorkerConfig } from '../compose/config.ts';

/** What a pool is built from. */
export interface PoolContext {
  readonly config: WorkerConfig;
  readonly storage: Storage;
  readonly history: HistoryReader;
  readonly client: Client;
  readonly logger: Logger;
  /** True when host and store were proven by an earlier worker of the same supervisor. */
  readonly isProven: boolean;
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

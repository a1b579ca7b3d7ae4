import type { temporal } from '@temporalio/proto';
import type { ObjectStore } from '../activities/storage/ports.ts';
import type { TrajectoryStore } from '../activities/storage/trajectory-store.ts';
import type { BlobStore } from '../activities/storage/blob-store.ts';
import type { HistoryArchive } from '../activities/storage/history-archive.ts';
import type { HistoryReader } from '../activities/storage/history-reader.ts';
import type { Hold } from '../domain/holds.ts';
import type { RunRef } from '../domain/ids.ts';
import type { Profile } from '../domain/profile.ts';
import type { PoolName, ToolDefinition } from '../domain/tools.ts';

/** An event of the engine's history, as it sends it. */
export type EngineEvent = temporal.api.history.v1.IHistoryEvent;

/** How an execution of the engine stands. */
export type ExecutionStatus =
  | 'running'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'terminated'
  | 'timed_out'
  | 'continued';

/** What `start` needs beside the run's place. */
export interface StartRequest {
  readonly run: RunRef;
  readonly manifestDigest: string;
  readonly profile: string;
  readonly question: string;
}

/** An activity that is not done. */
export interface PendingActivity {
  readonly activity: string;
  readonly state: 'scheduled' | 'started';
  /** Attempts begun, the scheduled one included, from 1. */
  readonly attempt: number;
  readonly scheduledAtMs: number | null;
  /** When the next attempt is due, while one is waited for. */
  readonly nextAttemptAtMs: number | null;
  readonly lastFailure: { readonly type: string; readonly message: string } | null;
  /** What the running attempt says it waits for. */
  readonly reportedWait: string | null;
  readonly heartbeatAtMs: number | null;
  readonly taskQueue: string | null;
}

/** A run as the engine knows it. */
export interface EngineRun {
  /** The current execution of the chain. */
  readonly executionId: string;
  readonly firstExecutionId: string;
  readonly status: ExecutionStatus;
  readonly startedAtMs: number;
  readonly closedAtMs: number | null;
  readonly taskQueue: string;
  /** From the search attributes; null when they are not set. */
  readonly profile: string | null;
  readonly question: string | null;
  /** `LonghaulStatus`; null when it is not set. */
  readonly told: string | null;
  /** What a person has to do for the run to go on; null while it goes on. */
  readonly waitingFor: string | null;
  readonly pending: readonly PendingActivity[];
  /** The workflow task that is under way; null when there is none. */
  readonly decision: {
    readonly scheduledAtMs: number;
    readonly isStarted: boolean;
    /** From 1; more means that the workflow code failed at it. */
    readonly attempt: number;
  } | null;
}

/** A run in the live index. */
export interface ListedRun {
  readonly runId: string;
  readonly execution: ExecutionStatus;
  /** `LonghaulStatus`; null when it is not set. */
  readonly status: string | null;
  readonly outcome: string | null;
  readonly profile: string | null;
  readonly question: string | null;
  readonly costMicroUsd: number | null;
  readonly waitingFor: string | null;
  readonly startedAtMs: number;
  readonly closedAtMs: number | null;
}

/** Part of the live index: run ids strictly between two bounds. */
export interface ListRequest {
  readonly tenant: string;
  readonly above: string;
  readonly below: string;
  readonly status: string | null;
  readonly maxRuns: number;
}

/** A page of an execution's history. */
export interface HistoryRequest {
  readonly run: RunRef;
  readonly executionId: string;
  readonly pageToken: Uint8Array | null;
  /** Wait for new events at the end of a live execution. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
}

export interface HistoryPage {
  readonly events: readonly EngineEvent[];
  /** Null at the end of a history that gets no more events, or when not waiting. */
  readonly nextPageToken: Uint8Array | null;
}

/**
 * The durable engine, as the door uses it.
 *
 * *Contract:* every method but a waiting `readHistory` answers or throws within 5 s; an engine that is away, or too slow, is
 * `Engine.Unavailable`.
 */
export interface RunEngine {
  /**
   * Starts a run; one that is there already, running or ended, is left alone. Idempotent.
   *
   * Returns the id of its first execution, or null when the run was there already.
   */
  readonly start: (request: StartRequest) => Promise<string | null>;
  /** Null when the engine does not know the run (any more). */
  readonly describe: (run: RunRef) => Promise<EngineRun | null>;
  /** Asks for cancellation; false when the run has ended or is not known. Idempotent. */
  readonly cancel: (run: RunRef) => Promise<boolean>;
  /**
   * Takes hold of a live run. Idempotent by `updateId`, across continue-as-new as well.
   *
   * @throws AppError `Run.Conflict` when the run refuses it, and nothing is changed; `Run.Ended`; `Input.NotFound`;
   * `Engine.Unavailable` when nobody answered in time: it may still be taken then, so repeat it under the same id
   */
  readonly hold: (run: RunRef, hold: Hold, updateId: string) => Promise<void>;
  /** Newest executions of runs in the range, in no order; `complete` is false when there are more than `maxRuns`. */
  readonly list: (request: ListRequest) => Promise<{ readonly runs: readonly ListedRun[]; readonly complete: boolean }>;
  /** @throws AppError `Input.NotFound` when the history is gone, `Engine.Unavailable` */
  readonly readHistory: (request: HistoryRequest) => Promise<HistoryPage>;
  /** The histories of a run's chain, each as the JSON that a replay takes; none when the engine does not know the run. */
  readonly readHistories: (run: RunRef) => AsyncIterable<string>;
  /** When a worker last asked for work of this queue; null when none did lately. */
  readonly lastPollAtMs: (taskQueue: string, kind: 'workflow' | 'activity') => Promise<number | null>;
}

/** What the API process was told. */
interface ApiSettings {
  readonly tenant: string;
  readonly queuePrefix: string;
  readonly standIn: boolean;
  readonly timeZone: string;
}

/** Where the door writes what people who run it should know. */
interface ApiLog {
  readonly info: (facts: object, message: string) => void;
  readonly warn: (facts: object, message: string) => void;
  readonly error: (facts: object, message: string) => void;
}

/** Everything that the door stands on. */
export interface ApiPorts {
  readonly engine: RunEngine;
  readonly objects: ObjectStore;
  readonly blobs: BlobStore;
  readonly trajectory: TrajectoryStore;
  readonly history: HistoryReader;
  readonly archive: HistoryArchive;
  readonly catalog: { readonly profiles: ReadonlyMap<string, Profile>; readonly tools: readonly ToolDefinition[] };
  readonly settings: ApiSettings;
  /** The `Host` values that are ours; a function, as a free port is known only after binding. */
  readonly ownHosts: () => ReadonlySet<string>;
  readonly now: () => number;
  /** A new ULID for this time. */
  readonly newUlid: (nowMs: number) => string;
  readonly log: ApiLog;
}

/** The pool behind a task queue's name; null for a queue that is none of ours. */
export function toPool(taskQueue: string, prefix: string, pools: readonly PoolName[]): PoolName | null {
  return pools.find((pool) => taskQueue === `${prefix}${pool}`) ?? null;
}

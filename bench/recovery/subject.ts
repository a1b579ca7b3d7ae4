import type { PoolName } from '../../domain/tools.ts';
import type { ScenarioInput } from '../../infra/dev/model-server/scenario.ts';
import type { Execution } from '../support/histories.ts';
import type { RunningPool } from '../support/pools.ts';
import type { RunClient, SubmittedRun } from '../support/runs.ts';
import type { ModelEntry, PageEntry, ToolEntry } from '../support/server-logs.ts';

/** What has arrived at the servers so far. */
export interface Arrivals {
  readonly model: readonly ModelEntry[];
  readonly tool: readonly ToolEntry[];
  readonly page: readonly PageEntry[];
}

/** One kill, while it is looked at. */
export interface Scene {
  readonly run: SubmittedRun;
  readonly runs: RunClient;
  /** The pool under test. */
  readonly pool: RunningPool;
  /** Arrivals since the run was submitted. */
  readonly arrivals: () => Promise<Arrivals>;
}

/** A kill that was made. */
export interface Kill {
  readonly atMs: number;
  readonly workerPid: number;
}

/** What the end of a run shows of its recovery. */
interface Aftermath {
  readonly kill: Kill;
  readonly arrivals: Arrivals;
  readonly chain: readonly Execution[];
}

/** How the recovery of one pool is seen. */
export interface Subject {
  readonly pool: PoolName;
  /** Pools that the run needs beside it; they live through all kills. */
  readonly others: readonly PoolName[];
  readonly tools: readonly string[];
  readonly scenario: ScenarioInput;
  /** The bound on the median, in milliseconds. */
  readonly limitMs: number;
  /** Null until the moment has come for the kill: a call of the pool is in flight. */
  readonly isMoment: (scene: Scene) => Promise<true | null>;
  /** The longest wait between that moment and the kill; each kill waits a random part of it. */
  readonly spreadMs: number;
  /** When the next call began after the kill, in milliseconds since the epoch. */
  readonly findNextCall: (scene: Scene, aftermath: Aftermath) => Promise<number>;
}

/** The first arrival after a moment. @throws when there is none */
export function firstAfter(entries: readonly { readonly at: number }[], atMs: number): number {
  const next = entries.find((entry) => entry.at > atMs);
  if (next === undefined) throw new Error('no call arrived after the kill');
  return next.at;
}

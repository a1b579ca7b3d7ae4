import type { RunRef } from '../../domain/ids.ts';

/** The engine, as the archive reads it. */
export interface HistorySource {
  /** The histories of a run in order, each as the JSON that a replay takes; empty when the engine does not know the run. */
  readonly read: (run: RunRef) => AsyncIterable<{ readonly json: string; readonly isClosed: boolean }>;
}

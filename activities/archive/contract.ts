import type { RunRef } from '../../domain/ids.ts';

/** Activities of the archive. */
export interface ArchiveActivities {
  /**
   * Writes the histories of an ended run to the object store, each once. Idempotent.
   *
   * A run that has not had its last event yet is waited for.
   */
  readonly archiveRun: (run: RunRef) => Promise<{ readonly executions: number }>;
}

import type { ToolContext } from '../../steps/tool-step.ts';
import type { StoredFile } from '../tree/stored-file.ts';

/** Files from outside that a sandbox may be given; where they come from is not the sandbox's affair. */
export interface IncomingFiles {
  /** The files of the run's task. */
  readonly taskFiles: (context: Pick<ToolContext, 'tenant' | 'runId' | 'manifest'>) => Promise<readonly StoredFile[]>;
  /**
   * The file that the web pool fetched for this very step, through its guard and into the store; null when nothing was.
   *
   * *Contract:* the same at every attempt of the step.
   */
  readonly fetched: (context: Pick<ToolContext, 'tenant' | 'runId' | 'seq'>) => Promise<StoredFile | null>;
}

/** Where a task has no files and nothing is fetched. */
export const noIncomingFiles: IncomingFiles = {
  taskFiles: async () => [],
  fetched: async () => null,
};

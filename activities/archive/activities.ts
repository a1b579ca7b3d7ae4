import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { runActivity } from '../steps/run-activity.ts';
import type { HistoryArchive } from '../storage/history-archive.ts';
import type { ArchiveActivities } from './contract.ts';
import type { HistorySource } from './ports.ts';

const maxFaults = 20;

/** How soon a run that is about to end is looked at again, in milliseconds. */
const lookAgainMs = 500;

/** The archive's activities. */
export function createArchiveActivities(ports: {
  readonly archive: HistoryArchive;
  readonly source: HistorySource;
}): ArchiveActivities {
  return { archiveRun: (run) => runActivity({ maxFaults }, () => archiveRun(ports, run)) };
}

async function archiveRun(
  { archive, source }: { readonly archive: HistoryArchive; readonly source: HistorySource },
  run: RunRef,
): Promise<{ readonly executions: number }> {
  let executions = 0;
  for await (const { json, isClosed } of source.read(run)) {
    if (!isClosed) {
      throw new AppError('Engine.Unavailable', {
        what: `run ${run.runId} has written its outcome, but not its last event yet`,
        retryAfterMs: lookAgainMs,
      });
    }
    await archive.put(run, executions, json);
    executions += 1;
  }
  return { executions };
}

import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import type { HistoryArchive } from '../../activities/storage/history-archive.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { toNextExecution } from '../events/to-history-facts.ts';
import type { EngineEvent, HistoryPage, HistoryRequest, RunEngine } from '../ports.ts';

/** An engine whose histories outlive its retention: what it has let go is read from the archive. */
export function createArchivedEngine(engine: RunEngine, archive: HistoryArchive): RunEngine {
  return {
    ...engine,
    readHistory: async (request) => {
      try {
        return await engine.readHistory(request);
      } catch (error) {
        if (toAppError(error).type !== 'Input.NotFound') throw error;
        return (await readArchived(archive, request)) ?? gone(error);
      }
    },
  };
}

function gone(cause: unknown): never {
  throw new AppError('Input.NotFound', { what: 'neither the engine nor the archive has this history', cause });
}

/** One execution's history, whole; null when it is not archived. */
async function readArchived(
  archive: HistoryArchive,
  { run, executionId }: HistoryRequest,
): Promise<HistoryPage | null> {
  // Executions are archived in order, and each names the one that follows.
  let id: string | null = null;
  for await (const events of readExecutions(archive, run)) {
    id ??= events[0]?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? null;
    if (id === executionId) return { events, nextPageToken: null };
    id = toNextExecution(events.at(-1));
  }
  return null;
}

async function* readExecutions(archive: HistoryArchive, run: RunRef): AsyncGenerator<readonly EngineEvent[]> {
  for await (const json of archive.read(run)) yield historyFromJSON(JSON.parse(json)).events ?? [];
}

import { WorkflowNotFoundError } from '@temporalio/client';
import { createArchiveActivities } from '../../activities/archive/activities.ts';
import type { HistorySource } from '../../activities/archive/ports.ts';
import { createRunActivities } from '../../activities/runs/activities.ts';
import { createHistoryArchive } from '../../activities/storage/history-archive.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { toTaskQueue } from '../../domain/receipt.ts';
import { archiveRunType } from '../../workflows/contract.ts';
import { isEngineAway } from '../compose/engine-away.ts';
import { readHistoryChain } from '../compose/histories.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

/** Workflows, and the activities of the runs' own book-keeping. */
export function createOrchestratorPool(context: PoolContext): Pool {
  const { storage } = context;
  const runs = createRunActivities({ ...toStepPorts(context), startArchive: (run) => startArchive(context, run) });
  const archive = createArchiveActivities({
    archive: createHistoryArchive(storage.objects),
    source: createSource(context),
  });
  return { activities: { ...runs, ...archive }, begin: () => {}, close: async () => {} };
}

async function startArchive({ client, config }: PoolContext, { tenant, runId }: RunRef): Promise<void> {
  const { queuePrefix } = config;
  await orAway(() =>
    client.workflow.start(archiveRunType, {
      workflowId: `archive/${tenant}/${runId}`,
      taskQueue: toTaskQueue(queuePrefix, 'orchestrator'),
      args: [{ tenant, runId, queuePrefix }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    }),
  );
}

function createSource({ client }: PoolContext): HistorySource {
  return {
    read: async function* (run) {
      try {
        yield* readHistoryChain(client, run);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw toAway(error);
      }
    },
  };
}

async function orAway<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toAway(error);
  }
}

/** An engine that is away is waited for: what fails then is nobody's fault, and counts as none. */
function toAway(error: unknown): unknown {
  if (!isEngineAway(error)) return error;
  return new AppError('Engine.Unavailable', { what: 'the engine does not answer', cause: error });
}

import type { Client } from '@temporalio/client';
import { ApplicationFailure, DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import pLimit from 'p-limit';

/** Runs that are looked at after a worker's death, newest first; beyond them the heartbeat time-out does the work. */
const maxRuns = 500;
const describesAtOnce = 8;

/** A worker that died. */
export interface DeadWorker {
  readonly client: Client;
  /** The queue of the workflows whose steps it may have had. */
  readonly workflowQueue: string;
  /** Identities under which it polled, one a pool. */
  readonly identities: ReadonlySet<string>;
}

interface LostTask {
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
}

/** The failure that sends a step to the next worker at once, uncounted. */
export function workerDied(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'Worker.Died',
    message: 'the worker process died during the step',
    nextRetryDelay: '1ms',
  });
}

/**
 * Fails the activities that the engine had given to a dead worker before the worker could say so.
 *
 * A task is on its way for some milliseconds between the engine and the worker's code; one that is lost there would wait for its
 * heartbeat time-out. Resolves with how many were found.
 */
export async function failLostTasks(dead: DeadWorker): Promise<number> {
  const query = `TaskQueue = '${dead.workflowQueue}' AND ExecutionStatus = 'Running'`;
  const executions: { readonly workflowId: string; readonly runId: string }[] = [];
  for await (const { workflowId, runId } of dead.client.workflow.list({ query, pageSize: 200 })) {
    executions.push({ workflowId, runId });
    if (executions.length >= maxRuns) break;
  }
  const limit = pLimit(describesAtOnce);
  const found = await Promise.all(executions.map((execution) => limit(() => findLost(dead, execution))));
  const lost = found.flat();
  await Promise.all(lost.map((task) => failTask(dead, task)));
  return lost.length;
}

async function findLost(
  { client, identities }: DeadWorker,
  execution: { readonly workflowId: string; readonly runId: string },
): Promise<LostTask[]> {
  const started = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
  const description = await client.workflow.getHandle(execution.workflowId, execution.runId).describe();
  return (description.raw.pendingActivities ?? [])
    .filter((activity) => activity.state === started && identities.has(activity.lastWorkerIdentity ?? ''))
    .map((activity) => ({ ...execution, activityId: activity.activityId ?? '' }));
}

async function failTask({ client }: DeadWorker, task: LostTask): Promise<void> {
  try {
    await client.workflowService.respondActivityTaskFailedById({
      namespace: client.options.namespace,
      ...task,
      failure: new DefaultFailureConverter().errorToFailure(workerDied(), defaultPayloadConverter),
    });
  } catch {
    // It ended in the meantime.
  }
}

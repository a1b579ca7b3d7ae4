import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';

/** What a dead orchestrator left behind on the engine. */
export interface DeadOrchestrator {
  readonly client: Client;
  readonly taskQueue: string;
  /** Beginning of the identity of the worker that died. */
  readonly identity: string;
}

/** Runs that are looked at to find the queue's name. */
const sampled = 5;

/** The sticky queue of a worker, found in the newest events of runs that it served; null when it served none lately. */
export async function findStickyQueue(dead: DeadOrchestrator): Promise<string | null> {
  const query = `TaskQueue = '${dead.taskQueue}' AND ExecutionStatus = 'Running'`;
  let seen = 0;
  for await (const { workflowId, runId } of dead.client.workflow.list({ query, pageSize: sampled })) {
    const name = await readStickyQueue(dead, { workflowId, runId });
    if (name !== null) return name;
    seen += 1;
    if (seen >= sampled) break;
  }
  return null;
}

async function readStickyQueue(
  { client, identity }: DeadOrchestrator,
  execution: { readonly workflowId: string; readonly runId: string },
): Promise<string | null> {
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution,
    maximumPageSize: 40,
  });
  for (const event of history?.events ?? []) {
    const queue = event.workflowTaskScheduledEventAttributes?.taskQueue;
    const sticky = queue?.kind === proto.temporal.api.enums.v1.TaskQueueKind.TASK_QUEUE_KIND_STICKY;
    if (sticky && queue.name?.startsWith(identity) === true) return queue.name;
  }
  return null;
}

/** Lets the tasks that wait for a dead worker fall through to the common queue at once, instead of after the sticky time-out. */
export async function releaseStickyQueue(dead: DeadOrchestrator, stickyTaskQueue: string): Promise<void> {
  await dead.client.workflowService.shutdownWorker({
    namespace: dead.client.options.namespace,
    stickyTaskQueue,
    identity: dead.identity,
    reason: 'the worker process died',
  });
}

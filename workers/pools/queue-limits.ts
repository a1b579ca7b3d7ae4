import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { ModelPool } from '../../domain/pool/pool-config.ts';

/** Limits of a task queue, and where it is. */
export interface QueueLimits {
  readonly client: Client;
  readonly taskQueue: string;
  readonly limits: ModelPool['limits'];
}

function toUpdate(perSecond: number | null) {
  return perSecond === null ? {} : { rateLimit: { requestsPerSecond: perSecond }, reason: 'set by the pools file' };
}

/** Is there anything to set? A queue without limits keeps what an operator has set by hand. */
export function hasLimits({ queuePerSecond, tenantPerSecond, weights }: ModelPool['limits']): boolean {
  return queuePerSecond !== null || tenantPerSecond !== null || Object.keys(weights).length > 0;
}

/**
 * Sets rates and shares of tenants at the engine, which holds tasks back before any worker sees them.
 *
 * Every worker sets the same, so that it does not matter who is last.
 */
export async function setQueueLimits({ client, taskQueue, limits }: QueueLimits): Promise<void> {
  await client.workflowService.updateTaskQueueConfig({
    namespace: client.options.namespace,
    identity: 'longhaul model pool',
    taskQueue,
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    updateQueueRateLimit: toUpdate(limits.queuePerSecond),
    updateFairnessKeyRateLimitDefault: toUpdate(limits.tenantPerSecond),
    setFairnessWeightOverrides: limits.weights,
  });
}

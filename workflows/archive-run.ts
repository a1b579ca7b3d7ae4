import { proxyActivities } from '@temporalio/workflow';
import type { ArchiveActivities } from '../activities/archive/contract.ts';
import { toTaskQueue } from '../domain/receipt.ts';
import type { ArchiveRunInput } from './contract.ts';

/**
 * Keeps the histories of an ended run beyond the engine's retention.
 *
 * A workflow of its own: a run cannot write down its own last event, and what is to be kept must outlive whoever ended it.
 */
export async function archiveRun({ queuePrefix, ...run }: ArchiveRunInput): Promise<void> {
  const archive = proxyActivities<ArchiveActivities>({
    taskQueue: toTaskQueue(queuePrefix, 'orchestrator'),
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '25 seconds',
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
    summary: 'histories to the archive',
  });
  await archive.archiveRun(run);
}

import { createRunActivities } from '../../activities/runs/activities.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

/** Workflows, and the activities of the runs' own book-keeping. */
export function createOrchestratorPool(context: PoolContext): Pool {
  const ports = { ...toStepPorts(context), startArchive: async () => {} };
  return { activities: createRunActivities(ports), begin: () => {}, close: async () => {} };
}

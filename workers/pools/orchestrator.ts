import { createRunActivities } from '../../activities/runs/activities.ts';
import type { Pool, PoolContext } from './pool.ts';

/** Workflows, and the activities of the runs' own book-keeping. */
export function createOrchestratorPool({ storage, history }: PoolContext): Pool {
  const ports = { trajectory: storage.trajectory, history, now: () => Date.now() };
  return { activities: createRunActivities(ports), begin: () => {}, close: async () => {} };
}

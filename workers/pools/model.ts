import { createModelActivities } from '../../activities/model/activities.ts';
import { createOpenAiChat } from '../../activities/model/adapters/openai.ts';
import { systemClock } from '../compose/clock.ts';
import { createModelClient } from './openai-client.ts';
import type { Pool, PoolContext } from './pool.ts';

/** Chat calls. */
export function createModelPool({ config, storage, history }: PoolContext): Pool {
  const chat = createOpenAiChat({ client: createModelClient(config) });
  const ports = { trajectory: storage.trajectory, history, clock: systemClock, chat };
  return { activities: createModelActivities(ports), begin: () => {}, close: async () => {} };
}

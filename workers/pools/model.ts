import { createModelActivities } from '../../activities/model/activities.ts';
import { createOpenAiChat } from '../../activities/model/adapters/openai.ts';
import { createModelClient } from './openai-client.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

/** Chat calls. */
export function createModelPool(context: PoolContext): Pool {
  const chat = createOpenAiChat({ client: createModelClient(context.config) });
  const ports = { ...toStepPorts(context), chat };
  return { activities: createModelActivities(ports), begin: () => {}, close: async () => {} };
}

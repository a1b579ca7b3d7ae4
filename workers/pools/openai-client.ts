import { OpenAI } from 'openai';
import { loadModelPools } from '../compose/model-pools.ts';
import type { WorkerConfig } from '../compose/config.ts';
import { modelTimeoutMs } from './model-timeout.ts';
import { createPooledFetch } from './pooled-fetch.ts';

/**
 * The client of the model server, for what is asked outside a run's conversation, such as pages read; it never tries again by itself,
 * the engine does. With a pools file its requests go to the replicas of the pool `reader`.
 */
export function createModelClient(config: WorkerConfig): OpenAI {
  const shared = { maxRetries: 0, timeout: modelTimeoutMs };
  if (config.modelPoolsFile !== null) {
    const { reader } = loadModelPools(config.modelPoolsFile, process.env);
    return new OpenAI({
      ...shared,
      apiKey: reader.apiKey ?? 'none',
      // Replaced by the chosen replica's at each request.
      baseURL: 'http://pool.invalid/v1',
      fetch: createPooledFetch(reader),
    });
  }
  return new OpenAI({
    ...shared,
    // Servers without keys want the header all the same.
    apiKey: config.modelApiKey?.reveal() ?? 'none',
    ...(config.modelBaseUrl === null ? {} : { baseURL: config.modelBaseUrl }),
  });
}

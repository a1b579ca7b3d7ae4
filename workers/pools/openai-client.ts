import { OpenAI } from 'openai';
import type { WorkerConfig } from '../compose/config.ts';

/** Longest that a whole request may take; the stream's own limits end a silent one long before. */
const timeoutMs = 20 * 60_000;

/** The client of the model server; it never tries again by itself, the engine does. */
export function createModelClient(config: WorkerConfig): OpenAI {
  return new OpenAI({
    maxRetries: 0,
    timeout: timeoutMs,
    // Servers without keys want the header all the same.
    apiKey: config.modelApiKey?.reveal() ?? 'none',
    ...(config.modelBaseUrl === null ? {} : { baseURL: config.modelBaseUrl }),
  });
}

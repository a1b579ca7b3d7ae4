import { createHttpTool } from '../../activities/tools/adapters/http-tool.ts';
import { createToolActivities } from '../../activities/steps/tool-step.ts';
import { loadHttpTools } from '../compose/catalog.ts';
import { systemClock } from '../compose/clock.ts';
import type { Pool, PoolContext } from './pool.ts';

/** The operator's own tools. */
export function createToolsPool({ config, storage, history }: PoolContext): Pool {
  const tools = loadHttpTools(config.toolsFile);
  const handlers = Object.fromEntries(tools.map((tool) => [tool.name, createHttpTool(tool)]));
  const ports = { trajectory: storage.trajectory, history, clock: systemClock, handlers };
  return { activities: createToolActivities(ports), begin: () => {}, close: async () => {} };
}

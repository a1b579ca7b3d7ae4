import { createHttpTool } from '../../activities/tools/adapters/http-tool.ts';
import { createToolActivities } from '../../activities/steps/tool-step.ts';
import { loadHttpTools } from '../compose/catalog.ts';
import { type Pool, type PoolContext, toStepPorts } from './pool.ts';

/** The operator's own tools. */
export function createToolsPool(context: PoolContext): Pool {
  const tools = loadHttpTools(context.config.toolsFile);
  const handlers = Object.fromEntries(tools.map((tool) => [tool.name, createHttpTool(tool)]));
  const ports = { ...toStepPorts(context), handlers };
  return { activities: createToolActivities(ports), begin: () => {}, close: async () => {} };
}

import { runActivity } from '../steps/run-activity.ts';
import type { ToolHandler } from '../steps/tool-step.ts';
import type { SandboxActivities } from './contract.ts';
import type { SandboxPort } from './ports.ts';
import { createCodeTools } from './tools/code-tools.ts';
import { createFileTools } from './tools/file-tools.ts';
import type { SandboxToolParts } from './tools/sandbox-of.ts';
import { createTreeHistory } from './tree-history.ts';

/** Beside the tools: what the workflow calls at a run's end. */
export function createSandboxActivities(sandbox: SandboxPort): SandboxActivities {
  return { destroySandboxes: (run) => runActivity({ maxFaults: 3 }, () => sandbox.destroy(run)) };
}

/** The tools of the sandbox pool. */
export function createSandboxTools(parts: Omit<SandboxToolParts, 'history'>): Readonly<Record<string, ToolHandler>> {
  const all = { ...parts, history: createTreeHistory() };
  return { ...createCodeTools(all), ...createFileTools(all) };
}

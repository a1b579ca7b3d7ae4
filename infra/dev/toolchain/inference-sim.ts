import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTool } from './ensure-tool.ts';
import type { Tool, ToolOptions, ToolRecipe } from './tool.ts';

const moduleDirectory = join(import.meta.dirname, '..', 'inference-sim');

/** llm-d-inference-sim: vLLM's API, metrics and prefix cache without a GPU, for the routing bench and its tests. */
const inferenceSimRecipe: ToolRecipe = {
  title: 'vLLM simulator (llm-d-inference-sim)',
  executable: 'llm-d-inference-sim',
  variable: 'LONGHAUL_INFERENCE_SIM',
  versionArguments: ['--help'],
  parseVersion: (output) => (output.includes('--zmq-endpoint') ? readPinnedVersion() : null),
  moduleDirectory,
  goPackage: 'github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim',
  expectedMs: 4.5 * 60_000,
  buildBytes: 3e9,
};

/** Finds the simulator, or builds it. @throws AppError `Config.Invalid` with everything that was tried. */
export function ensureInferenceSim(options: ToolOptions): Promise<Tool> {
  return ensureTool(inferenceSimRecipe, options);
}

/** It does not say its version: a working one is of the version that is pinned, unless a variable or PATH names another. */
function readPinnedVersion(): string {
  const text = readFileSync(join(moduleDirectory, 'go.mod'), 'utf8');
  return /github\.com\/llm-d\/llm-d-inference-sim v(\d\S*)/.exec(text)?.[1] ?? 'unknown';
}

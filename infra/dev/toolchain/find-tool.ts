import { join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import { findOnPath, isExecutable } from './find-on-path.ts';
import { runCommand } from './run-command.ts';
import { cacheFolder } from './tool-cache.ts';
import { compareVersions, type Tool, type ToolRecipe, type ToolSource } from './tool.ts';

const VERSION_TIMEOUT_MS = 20_000;

/** What was found, and what was tried before it with the reason why it was not used. */
export interface ToolSearch {
  readonly tool: Tool | null;
  readonly tried: readonly string[];
}

/**
 * Looks for a tool without fetching or building anything: its variable, PATH, the cache.
 *
 * @throws AppError `Config.Invalid` when the variable names something that cannot be used: a wrong choice is never passed over.
 */
export async function findTool(recipe: ToolRecipe, env: NodeJS.ProcessEnv): Promise<ToolSearch> {
  const named = env[recipe.variable];
  if (named !== undefined && named !== '') return { tool: await useNamed(recipe, named, env), tried: [] };
  const tried = [`${recipe.variable}: not set`];
  const onPath = findOnPath(recipe.executable, env);
  if (onPath === null) tried.push(`PATH: no ${recipe.executable} there`);
  else {
    const probe = await probeTool(recipe, { path: onPath, source: 'path' }, env);
    if (probe.tool !== null) return { tool: probe.tool, tried };
    tried.push(`PATH: ${onPath} ${probe.reason}`);
  }
  const cached = join(await cacheFolder(recipe, env), recipe.executable);
  if (!isExecutable(cached)) tried.push(`cache: no ${cached}`);
  else {
    const probe = await probeTool(recipe, { path: cached, source: 'cache' }, env);
    if (probe.tool !== null) return { tool: probe.tool, tried };
    tried.push(`cache: ${cached} ${probe.reason}`);
  }
  return { tool: null, tried };
}

/** Asks an executable for its version; only one that answers is a tool. */
export async function probeTool(
  recipe: ToolRecipe,
  candidate: { readonly path: string; readonly source: ToolSource },
  env: NodeJS.ProcessEnv,
): Promise<{ readonly tool: Tool | null; readonly reason: string }> {
  const result = await runCommand({
    command: candidate.path,
    args: recipe.versionArguments,
    env,
    timeoutMs: VERSION_TIMEOUT_MS,
  });
  if (!result.ok) return { tool: null, reason: `cannot be run (${result.reason})` };
  const version = recipe.parseVersion(result.output);
  if (version === null) return { tool: null, reason: `is not the ${recipe.title}: it printed no version of it` };
  const minimum = recipe.minimumVersion;
  if (candidate.source === 'path' && minimum !== undefined && compareVersions(version, minimum) < 0) {
    return { tool: null, reason: `is version ${version}, and ${minimum} or newer is needed` };
  }
  return { tool: { ...candidate, version }, reason: '' };
}

async function useNamed(recipe: ToolRecipe, named: string, env: NodeJS.ProcessEnv): Promise<Tool> {
  const path = named.includes('/') ? named : (findOnPath(named, env) ?? named);
  const probe = await probeTool(recipe, { path, source: 'env' }, env);
  if (probe.tool !== null) return probe.tool;
  throw new AppError('Config.Invalid', {
    what: `${recipe.variable} names ${named}, which ${probe.reason}`,
    mend: `Set it to the path of a working ${recipe.executable}, or unset it to let Longhaul find or build one.`,
    field: recipe.variable,
  });
}

import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import { buildGoTool } from './build-go-tool.ts';
import { takeFileLock } from './file-lock.ts';
import { findTool, probeTool } from './find-tool.ts';
import { isExecutable } from './find-on-path.ts';
import { minimumGoVersion } from './go-toolchain.ts';
import { cacheFolder } from './tool-cache.ts';
import type { Tool, ToolOptions, ToolRecipe } from './tool.ts';

const WORK_PREFIX = '.work-';

/**
 * Finds a tool, or fetches or builds it into the cache: variable, PATH, cache, download, build.
 *
 * *Contract:* one process at a time fetches or builds, the others wait and use its result; the cache never holds half a
 * binary, because it is renamed into place after it answered with its version.
 * @throws AppError `Config.Invalid` that lists everything that was tried, with the reasons, and what can be done.
 */
export async function ensureTool(recipe: ToolRecipe, options: ToolOptions): Promise<Tool> {
  const search = await findTool(recipe, options.env);
  if (search.tool !== null) return search.tool;
  const folder = await cacheFolder(recipe, options.env);
  await mkdir(folder, { recursive: true });
  const lock = await takeFileLock({
    path: join(folder, `${recipe.executable}.lock`),
    onHeld: (pid) => options.report(`waiting for process ${pid}, which is fetching or building the ${recipe.title}`),
  });
  try {
    const made = await probeCached(recipe, folder, options.env);
    return made ?? (await makeTool(recipe, folder, { ...options, tried: [...search.tried] }));
  } finally {
    await lock.release();
  }
}

async function probeCached(recipe: ToolRecipe, folder: string, env: NodeJS.ProcessEnv): Promise<Tool | null> {
  const path = join(folder, recipe.executable);
  if (!isExecutable(path)) return null;
  return (await probeTool(recipe, { path, source: 'cache' }, env)).tool;
}

interface MakeOptions extends ToolOptions {
  readonly tried: string[];
}

/** The lock is held: whatever work folder is here belongs to a process that died. */
async function makeTool(recipe: ToolRecipe, folder: string, options: MakeOptions): Promise<Tool> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(WORK_PREFIX)) await rm(join(folder, name), { recursive: true, force: true });
  }
  const { download } = recipe;
  const makers = [
    ...(download === undefined
      ? []
      : [{ source: 'download' as const, make: (target: string) => download({ ...options, target }) }]),
    { source: 'build' as const, make: (target: string) => buildGoTool(recipe, target, options) },
  ];
  for (const { source, make } of makers) {
    const work = join(folder, `${WORK_PREFIX}${source}`);
    try {
      await mkdir(work);
      const fresh = join(work, recipe.executable);
      await make(fresh);
      await chmod(fresh, 0o755);
      const probe = await probeTool(recipe, { path: fresh, source }, options.env);
      if (probe.tool === null) throw new Error(`the result ${probe.reason}`);
      const path = join(folder, recipe.executable);
      await rename(fresh, path);
      options.report(`the ${recipe.title} ${probe.tool.version} is at ${path}`);
      return { ...probe.tool, path };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      options.tried.push(`${source}: ${reason}`);
      options.report(`the ${recipe.title} was not had by ${source}: ${reason}`);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  throw toNothingWorkedError(recipe, options.tried);
}

function toNothingWorkedError(recipe: ToolRecipe, tried: readonly string[]): AppError {
  return new AppError('Config.Invalid', {
    what: `no ${recipe.title} could be had. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}\n`,
    mend: `Do one of these: install ${recipe.executable} on PATH; set ${recipe.variable} to one; or install Go ${minimumGoVersion} or newer, with access to a Go module proxy, and start again.`,
    field: recipe.variable,
  });
}

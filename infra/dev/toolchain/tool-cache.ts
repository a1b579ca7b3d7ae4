import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ToolRecipe } from './tool.ts';

/** Flags of `go build`; part of the cache key, because they change the binary. Without symbols it is a third smaller. */
export const goBuildFlags: readonly string[] = ['-ldflags', '-s -w'];

/** The folder that holds what was built or fetched on this machine, outside every checkout. */
export function cacheRoot(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME;
  const usable = base !== undefined && base.startsWith('/');
  return join(usable ? base : join(env.HOME ?? homedir(), '.cache'), 'longhaul');
}

/** The folder of one tool's binary: its name follows from everything that decides what is in it. */
export async function cacheFolder(recipe: ToolRecipe, env: NodeJS.ProcessEnv): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum']) {
    hash.update(await readFile(join(recipe.moduleDirectory, name))).update('\0');
  }
  hash.update(`${process.platform}-${process.arch}\0${goBuildFlags.join(' ')}`);
  return join(cacheRoot(env), hash.digest('hex').slice(0, 16));
}

import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findGo, type GoToolchain, toGoEnvironment } from './go-toolchain.ts';
import { formatBytes, freeBytesAt } from './free-disk.ts';
import { formatDuration, type Progress, withProgress } from './progress.ts';
import { runCommand } from './run-command.ts';
import { ensureSystemPackages } from './system-packages.ts';
import { goBuildFlags } from './tool-cache.ts';
import type { ToolOptions, ToolRecipe } from './tool.ts';

/**
 * Builds a tool from its pinned Go modules into `target`.
 *
 * *Contract:* throws an Error whose message is the reason; leaves nothing but `target` behind in its folder.
 */
export async function buildGoTool(recipe: ToolRecipe, target: string, options: ToolOptions): Promise<void> {
  const go = await requireGo(options);
  await requireFreeDisk(recipe, target, { go, env: options.env });
  const title = `building the ${recipe.title} from pinned Go modules`;
  const expected = formatDuration(recipe.expectedMs);
  options.report(`${title} with Go ${go.version}: about ${expected} the first time, then it is cached`);
  const temporary = join(dirname(target), 'tmp');
  await mkdir(temporary, { recursive: true });
  const result = await withProgress({ title, expectedMs: recipe.expectedMs, report: options.report }, (progress) =>
    runCommand({
      command: go.path,
      args: ['build', '-v', ...goBuildFlags, '-o', target, recipe.goPackage],
      cwd: recipe.moduleDirectory,
      env: { ...toGoEnvironment(options.env), GOTMPDIR: temporary },
      onLine: createBuildReader(progress),
    }),
  );
  await rm(temporary, { recursive: true, force: true });
  if (!result.ok) throw new Error(`go build failed (${result.reason}): ${lastLines(result.output)}`);
}

/** Turns what `go build -v` prints into a detail of the progress line: modules fetched, then packages compiled. */
function createBuildReader(progress: Progress): (line: string) => void {
  let [fetched, compiled] = [0, 0];
  return (line) => {
    if (line.startsWith('go: downloading ')) fetched += 1;
    else compiled += 1;
    progress.at(compiled === 0 ? `${fetched} modules fetched` : `${compiled} packages compiled, now ${line}`);
  };
}

async function requireGo(options: ToolOptions): Promise<GoToolchain> {
  const first = await findGo(options.env);
  if (first.go !== null) return first.go;
  try {
    await ensureSystemPackages({ ...options, packages: [{ command: 'go', package: 'golang-go' }] });
  } catch (error) {
    throw new Error(`${first.reason}; ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const second = await findGo(options.env);
  if (second.go === null) throw new Error(second.reason);
  return second.go;
}

/** Checks each place that the build writes to; places on one disk are each asked for the whole. */
async function requireFreeDisk(
  recipe: ToolRecipe,
  target: string,
  { go, env }: { readonly go: GoToolchain; readonly env: NodeJS.ProcessEnv },
): Promise<void> {
  const asked = await runCommand({
    command: go.path,
    args: ['env', 'GOCACHE', 'GOMODCACHE'],
    env: toGoEnvironment(env),
  });
  if (!asked.ok) throw new Error(`go env failed (${asked.reason}): ${lastLines(asked.output)}`);
  for (const folder of [dirname(target), ...asked.output.split('\n').filter((line) => line.startsWith('/'))]) {
    const free = await freeBytesAt(folder);
    if (free >= recipe.buildBytes) continue;
    throw new Error(
      `the build needs ${formatBytes(recipe.buildBytes)} of free disk and ${folder} has ${formatBytes(free)}; free some, or set XDG_CACHE_HOME, GOCACHE and GOMODCACHE to a larger disk`,
    );
  }
}

function lastLines(output: string): string {
  return output.split('\n').slice(-5).join(' | ');
}

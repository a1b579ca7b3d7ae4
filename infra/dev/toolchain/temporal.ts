import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTool } from './ensure-tool.ts';
import { findTool, type ToolSearch } from './find-tool.ts';
import { downloadTemporal } from './temporal-download.ts';
import type { Tool, ToolOptions, ToolRecipe } from './tool.ts';

const moduleDirectory = join(import.meta.dirname, '..', 'temporal');

/** The Temporal command-line tool, which is the server as well. Its version is that of the server inside. */
export const temporalRecipe: ToolRecipe = {
  title: 'Temporal server',
  executable: 'temporal',
  variable: 'LONGHAUL_TEMPORAL_CLI',
  versionArguments: ['--version'],
  parseVersion: (output) => /\(Server (\d+\.\d+\.\d+)/.exec(output)?.[1] ?? null,
  minimumVersion: '1.31',
  moduleDirectory,
  goPackage: 'github.com/temporalio/cli/cmd/temporal',
  expectedMs: 5 * 60_000,
  buildBytes: 4e9,
  download: async (request) =>
    downloadTemporal({
      ...request,
      version: await readPinnedVersion(),
      baseUrl: 'https://temporal.download',
      answerMs: 5_000,
    }),
};

/** Finds a Temporal server, or fetches or builds it. @throws AppError `Config.Invalid` with everything that was tried. */
export function ensureTemporal(options: ToolOptions): Promise<Tool> {
  return ensureTool(temporalRecipe, options);
}

/** Looks for a Temporal server without fetching or building one. */
export function findTemporal(env: NodeJS.ProcessEnv): Promise<ToolSearch> {
  return findTool(temporalRecipe, env);
}

/** One pin for the build and the download, so that both make the same database. */
async function readPinnedVersion(): Promise<string> {
  const text = await readFile(join(moduleDirectory, 'go.mod'), 'utf8');
  const version = /github\.com\/temporalio\/cli (v\d\S*)/.exec(text)?.[1];
  if (version === undefined) throw new Error('go.mod pins no version of github.com/temporalio/cli');
  return version;
}

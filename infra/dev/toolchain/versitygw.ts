import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTool } from './ensure-tool.ts';
import { findTool, type ToolSearch } from './find-tool.ts';
import type { Tool, ToolOptions, ToolRecipe } from './tool.ts';

const moduleDirectory = join(import.meta.dirname, '..', 'versitygw');

/** versitygw: a real S3 server on a local folder, for tests of the S3 adapter. */
export const versitygwRecipe: ToolRecipe = {
  title: 'S3 server (versitygw)',
  executable: 'versitygw',
  variable: 'LONGHAUL_VERSITYGW',
  versionArguments: ['--version'],
  parseVersion: (output) => toVersion(/^Version\s*:\s*(\S+)/m.exec(output)?.[1]),
  moduleDirectory,
  goPackage: 'github.com/versity/versitygw/cmd/versitygw',
  expectedMs: 45_000,
  buildBytes: 1.5e9,
};

/** Finds versitygw, or builds it. @throws AppError `Config.Invalid` with everything that was tried. */
export function ensureVersitygw(options: ToolOptions): Promise<Tool> {
  return ensureTool(versitygwRecipe, options);
}

/** Looks for versitygw without building it. */
export function findVersitygw(env: NodeJS.ProcessEnv): Promise<ToolSearch> {
  return findTool(versitygwRecipe, env);
}

/** A build from Go modules calls itself `git`: then the version is the one that is pinned. */
function toVersion(printed: string | undefined): string | null {
  if (printed === undefined) return null;
  if (printed !== 'git') return printed;
  const text = readFileSync(join(moduleDirectory, 'go.mod'), 'utf8');
  return /github\.com\/versity\/versitygw v(\d\S*)/.exec(text)?.[1] ?? printed;
}

import { lstat } from 'node:fs/promises';
import { AppError } from '../../../domain/errors.ts';
import { runHostCommand } from './host-command.ts';
import type { SandboxLimits } from './sandbox-limits.ts';

/** Is there anything of this name? A dangling link counts. */
export async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Removes a tree, however deep and whatever its modes; links are removed, never followed. Idempotent. */
export async function removeTree(path: string): Promise<void> {
  if (!(await isThere(path))) return;
  const remove = async (): Promise<string> => runHostCommand(['/bin/rm', '-rf', '--', path]);
  try {
    await remove();
  } catch (error) {
    if (process.getuid?.() === 0 || !(error instanceof AppError) || error.type !== 'Sandbox.Unavailable') throw error;
    // Without root, what a job closed to its own uid must be opened before a tool can go through it.
    await runHostCommand(['/bin/chmod', '-R', 'u+rwX', '--', path]);
    await remove();
  }
}

// du complains about files that vanish while it counts, and prints its count all the same.
const count = `exec 2>/dev/null
/usr/bin/du -s -x --block-size=1 -- "$1"
/usr/bin/du -s -x --inodes -- "$1"
exit 0`;

/** The rule on a workspace's size that it breaks while a job runs in it, or null. */
export async function findExcess(path: string, limits: SandboxLimits): Promise<string | null> {
  const lines = (await runHostCommand(['/bin/sh', '-c', count, 'count', path])).split('\n');
  const [bytes = Number.NaN, files = Number.NaN] = lines.map((line) => Number.parseInt(line, 10));
  if (bytes > limits.workspaceBytes) return `the workspace holds ${bytes} bytes, its limit is ${limits.workspaceBytes}`;
  if (files > limits.workspaceFiles) return `the workspace holds ${files} files, its limit is ${limits.workspaceFiles}`;
  return null;
}

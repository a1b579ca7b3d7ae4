import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const OTHERS_ENTER = 0o001;

/** May every user pass through the folder and all above it? */
function isOpenToAll(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & OTHERS_ENTER) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * Folder for the sandboxes of a stack: in its data directory, or under `/var/tmp` when root works in a closed home.
 *
 * As root a sandbox runs under a user id of its own, which must be able to reach its workspace.
 */
export async function chooseSandboxDirectory(dataDirectory: string): Promise<string> {
  await mkdir(dataDirectory, { recursive: true });
  if (process.getuid?.() !== 0 || isOpenToAll(dataDirectory)) return join(dataDirectory, 'sandboxes');
  const name = createHash('sha256').update(dataDirectory).digest('hex').slice(0, 16);
  return join('/var/tmp', `longhaul-sandboxes-${name}`);
}

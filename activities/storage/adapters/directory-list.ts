import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { toErrorCode } from './directory-errors.ts';
import { isSegment } from './object-key.ts';

/** Which keys a listing wants: all that start with `prefix` and come after `after` in byte order. */
export interface Wanted {
  readonly prefix: string;
  readonly after: string;
}

/**
 * Walks the keys below `root` in byte order, reading a folder only once the walk comes to it.
 *
 * Byte order of whole keys is not that of names: `a-b` comes before `a/b`, so a folder is sorted with its slash. Keys are ASCII, so
 * comparing strings compares bytes. Files whose name no key can have (scratch, lock, `lost+found`) are not objects.
 */
export function walkKeys(root: string, wanted: Wanted): AsyncGenerator<string> {
  return walkFolder(root, wanted, wanted.prefix.slice(0, wanted.prefix.lastIndexOf('/') + 1));
}

async function* walkFolder(root: string, wanted: Wanted, folder: string): AsyncGenerator<string> {
  const names = await readNames(join(root, folder));
  for (const name of names) {
    const path = folder + name;
    if (!name.endsWith('/')) {
      if (path.startsWith(wanted.prefix) && path > wanted.after) yield path;
    } else if (mayHold(path, wanted)) {
      yield* walkFolder(root, wanted, path);
    }
  }
}

/** May a key below `folder` (which ends with a slash) be wanted? */
function mayHold(folder: string, { prefix, after }: Wanted): boolean {
  const inPrefix = folder.startsWith(prefix) || prefix.startsWith(folder);
  // All keys below sort right behind the folder's own name, so only a folder that `after` is in, or comes before, can matter.
  return inPrefix && (folder > after || after.startsWith(folder));
}

async function readNames(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const objects = entries.filter((entry) => isSegment(entry.name) && (entry.isFile() || entry.isDirectory()));
    const names = objects.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
    // The default order is that of code units, which are bytes here.
    return names.toSorted();
  } catch (error) {
    const code = toErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}

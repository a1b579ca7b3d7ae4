import { unzipSync } from 'fflate';

import { ReadError } from './read-error.ts';
import { listZip } from './zip-directory.ts';

const maxEntryBytes = 64 * 1024 * 1024;
const maxTotalBytes = 160 * 1024 * 1024;
/** A part that is larger than one MiB and packed more tightly than this is a bomb. */
const maxRatio = 250;

/**
 * Unpacks the wanted entries of a zip file. Sizes are what the directory claims, and nothing is unpacked beyond them.
 *
 * @throws ReadError when the file is damaged, or claims to be larger than a document is
 */
export function unzip(bytes: Uint8Array, isWanted: (name: string) => boolean): ReadonlyMap<string, Uint8Array> {
  const entries = listZip(bytes);
  if (entries === null) throw new ReadError('the file is damaged: it has no directory');
  const wanted = entries.filter(({ name }) => isWanted(name));
  let total = 0;
  for (const entry of wanted) {
    total += entry.bytes;
    const isBomb = entry.bytes > 1024 * 1024 && entry.bytes > maxRatio * entry.packedBytes;
    if (entry.bytes > maxEntryBytes || total > maxTotalBytes || isBomb)
      throw new ReadError('the file would be far larger unpacked than a document is');
  }
  try {
    return new Map(Object.entries(unzipSync(bytes, { filter: ({ name }) => isWanted(name) })));
  } catch {
    throw new ReadError('the file is damaged: it cannot be unpacked');
  }
}

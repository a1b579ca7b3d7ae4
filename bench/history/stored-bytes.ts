import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { decompress } from '../../activities/storage/encoding.ts';

/** What is on disk of a server and a store, both ended. */
export interface StoredBytes {
  /** Sum of `st_size`: objects and the database's main file. */
  readonly bytes: number;
  /** The same with every object at its uncompressed size. */
  readonly plainBytes: number;
  /** Blocks that the file system gave to the same files. */
  readonly allocatedBytes: number;
  readonly databaseBytes: number;
}

/** `st_blocks` counts in these, whatever the file system. Source: stat(2). */
const blockBytes = 512;

/** Bytes of the write-ahead log as it stands; 0 when there is none. */
export async function measureWal(databaseFile: string): Promise<number> {
  const found = await stat(`${databaseFile}-wal`).catch(() => null);
  return found?.size ?? 0;
}

/** Moves everything of the write-ahead log into the main file; the server must have ended. */
function checkpoint(databaseFile: string): void {
  const database = new DatabaseSync(databaseFile);
  try {
    const row = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
    if (row?.['busy'] !== 0) throw new Error(`${databaseFile} is still in use`);
  } finally {
    database.close();
  }
}

/** Counts what is stored. @throws when the database is still in use */
export async function measureStored(databaseFile: string, storeDirectory: string): Promise<StoredBytes> {
  checkpoint(databaseFile);
  const database = await stat(databaseFile);
  const objects = await measureObjects(storeDirectory);
  return {
    bytes: database.size + objects.bytes,
    plainBytes: database.size + objects.plainBytes,
    allocatedBytes: database.blocks * blockBytes + objects.allocatedBytes,
    databaseBytes: database.size,
  };
}

/** Counts the objects of a store. */
export async function measureObjects(storeDirectory: string): Promise<Omit<StoredBytes, 'databaseBytes'>> {
  const total = { bytes: 0, plainBytes: 0, allocatedBytes: 0 };
  for (const file of await listObjects(storeDirectory)) {
    const { size, blocks } = await stat(file);
    total.bytes += size;
    total.allocatedBytes += blocks * blockBytes;
    total.plainBytes += decompress(await readFile(file), file).length;
  }
  return total;
}

/** Objects are the files under the tenants' folder; scratch and lock files are no objects. */
async function listObjects(storeDirectory: string): Promise<string[]> {
  const entries = await readdir(join(storeDirectory, 't'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** What was added between two counts. */
export function subtractStored(after: StoredBytes, before: StoredBytes): StoredBytes {
  return {
    bytes: after.bytes - before.bytes,
    plainBytes: after.plainBytes - before.plainBytes,
    allocatedBytes: after.allocatedBytes - before.allocatedBytes,
    databaseBytes: after.databaseBytes - before.databaseBytes,
  };
}

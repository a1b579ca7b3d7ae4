import { createHash, hash } from 'node:crypto';
import * as fs from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ObjectStore, StoredObject } from '../ports.ts';
import { type Doing, nestedKey, toErrorCode, toStorageError } from './directory-errors.ts';
import { createDirectoryFiles, type DirectoryFiles, openDirectory, writeAll } from './directory-files.ts';
import { walkKeys } from './directory-list.ts';
import { createDirectoryLock, type DirectoryLock } from './directory-lock.ts';
import { assertObjectKey, assertObjectPrefix } from './object-key.ts';

const chunkBytes = 262_144;
/** Up to here a read of the page cache takes microseconds, less than a trip through the thread pool. */
const smallBytes = 65_536;

interface Parts {
  readonly root: string;
  readonly files: DirectoryFiles;
  readonly lock: DirectoryLock;
  readonly ready: () => Promise<void>;
}

/**
 * An {@link ObjectStore} in a folder of a local file system, for any number of processes on one host.
 *
 * *Contract:* an object is one plain file at its key, so the folder can be read, copied and backed up with ordinary tools. The folder
 * is made at the first call and never again: when it goes away later, calls throw `Storage.Unavailable` until it is back. No key may
 * continue another key (`a` and `a/b`): `Storage.BadKey`. `head` reads the object, as its tag is the digest of its bytes.
 *
 * How a put becomes atomic: the bytes are written and synced in a scratch file on the same file system, which then gets its name by
 * `link` (fails when the name is taken: put if absent) or `rename` (put), after which the folder is synced. A process killed at any
 * point leaves a whole object or none, and at most a scratch file that a later start sweeps.
 *
 * Measured for 3 KB on ext4, median of 600 in turn: every call synchronous 0.52 ms, every call asynchronous 0.70 ms (with promises
 * 0.78 ms), synchronous but for the two syncs 0.58 ms. The last is used: calls that only touch the page cache cost less than a trip
 * through the thread pool, and the two that wait for the disk, milliseconds on a slow or busy one, never stop the event loop.
 */
export function createDirectoryStore({ directory }: { readonly directory: string }): ObjectStore {
  const root = resolve(directory);
  const parts: Parts = {
    root,
    files: createDirectoryFiles(root),
    lock: createDirectoryLock(join(root, '~lock')),
    ready: createOnce(() => openDirectory(root)),
  };
  return { ...createReaders(parts), ...createWriters(parts), ...createStreams(parts) };
}

function createReaders(parts: Parts): Pick<ObjectStore, 'get' | 'head' | 'list'> {
  const { files, root } = parts;
  return {
    get: (key) => attempt(parts, { verb: 'read', key }, () => readObject(files, key)),
    head: (key) =>
      attempt(parts, { verb: 'read', key }, async () => {
        const chunks = await openChunks(files, key);
        if (chunks === null) return null;
        const digest = createHash('sha256');
        let sizeBytes = 0;
        for await (const chunk of chunks) {
          digest.update(chunk);
          sizeBytes += chunk.byteLength;
        }
        return { sizeBytes, etag: digest.digest('hex') };
      }),
    list: (prefix, { after = '', limit = Infinity } = {}) =>
      attempt(parts, { verb: 'list', key: prefix }, async () => {
        files.assertThere('list', prefix);
        const keys: string[] = [];
        if (limit <= 0) return keys;
        for await (const key of walkKeys(root, { prefix, after })) if (keys.push(key) >= limit) break;
        return keys;
      }),
  };
}

function createWriters(parts: Parts): Pick<ObjectStore, 'put' | 'putIfAbsent' | 'compareAndSwap' | 'delete'> {
  const { files } = parts;
  const write = <T>(key: string, bytes: Uint8Array, publish: (scratch: string) => Promise<T>): Promise<T> =>
    attempt(parts, { verb: 'write', key }, () => files.withScratch((fd) => writeAll(fd, bytes), publish));
  return {
    put: (key, bytes) => write(key, bytes, (scratch) => publishAlways(parts, key, scratch)),
    putIfAbsent: async (key, bytes) => {
      const taken = await attempt(parts, { verb: 'write', key }, () => isTaken(files, key));
      return !taken && write(key, bytes, (scratch) => publishIfAbsent(files, key, scratch));
    },
    compareAndSwap: async (key, bytes, etag) => {
      const before = await attempt(parts, { verb: 'read', key }, () => readObject(files, key));
      if (before?.etag !== etag) return null;
      return write(key, bytes, async (scratch) => {
        const swapped = await parts.lock.run(key, () => {
          if (readTag(files.pathOf(key)) !== etag) return false;
          fs.renameSync(scratch, files.pathOf(key));
          return true;
        });
        if (!swapped) return null;
        await files.syncFolders(key);
        return toTag(bytes);
      });
    },
    delete: (key) =>
      attempt(parts, { verb: 'delete', key }, async () => {
        const removed = await parts.lock.run(key, () => removeObject(files, key));
        if (removed) await files.syncFolders(key);
      }),
  };
}

function createStreams(parts: Parts): Pick<ObjectStore, 'putStream' | 'getStream'> {
  const { files } = parts;
  return {
    putStream: async (key, chunks) => {
      const source = watch(chunks);
      const fill = async (fd: number): Promise<void> => {
        for await (const chunk of source.chunks) await writeAll(fd, chunk);
      };
      try {
        await attempt(parts, { verb: 'write', key }, () =>
          files.withScratch(fill, (scratch) => publishAlways(parts, key, scratch)),
        );
      } catch (error) {
        throw source.failure() ?? error;
      }
    },
    getStream: (key) => attempt(parts, { verb: 'read', key }, () => openChunks(files, key)),
  };
}

async function publishAlways({ files, lock }: Parts, key: string, scratch: string): Promise<void> {
  // Under the lock, so that a swap never writes over what came between its comparison and its rename.
  await lock.run(key, () => files.inFolder(key, () => fs.renameSync(scratch, files.pathOf(key))));
  await files.syncFolders(key);
}

async function publishIfAbsent(files: DirectoryFiles, key: string, scratch: string): Promise<boolean> {
  const won = files.inFolder(key, () => {
    try {
      fs.linkSync(scratch, files.pathOf(key));
      return true;
    } catch (error) {
      if (toErrorCode(error) !== 'EEXIST') throw error;
      return false;
    }
  });
  if (won) await files.syncFolders(key);
  else await isTaken(files, key);
  return won;
}

/** Is the key taken? Then its entry is made durable first: the winner may have died before it could, and the loser adopts it. */
async function isTaken(files: DirectoryFiles, key: string): Promise<boolean> {
  const found = statIfThere(files.pathOf(key));
  if (found === undefined) return false;
  if (found.isDirectory()) throw nestedKey(key);
  await files.syncFolders(key);
  return true;
}

/** Small objects are read from the page cache in place; larger ones never stop the event loop. */
async function readObject(files: DirectoryFiles, key: string): Promise<StoredObject | null> {
  try {
    const path = files.pathOf(key);
    const bytes = readSmall(path) ?? (await readFile(path));
    return { bytes, etag: toTag(bytes) };
  } catch (error) {
    return absentOrThrow(files, key, error);
  }
}

/** The whole file, or null when it is not small. */
function readSmall(path: string): Buffer | null {
  const fd = fs.openSync(path, 'r');
  try {
    const { size } = fs.fstatSync(fd);
    if (size > smallBytes) return null;
    const bytes = Buffer.allocUnsafe(size);
    let done = 0;
    while (done < size) {
      const count = fs.readSync(fd, bytes, done, size - done, null);
      // An object is never cut short while it stands: a file that is was damaged from outside.
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  } finally {
    fs.closeSync(fd);
  }
}

/** The open file in chunks; it is closed at the end, or when the reader stops early. */
async function openChunks(files: DirectoryFiles, key: string): Promise<AsyncIterable<Uint8Array> | null> {
  try {
    const path = files.pathOf(key);
    // A folder opens like a file and fails at the first read, which would be too late to say null.
    if (statIfThere(path)?.isDirectory() === true) return null;
    return readChunks(await open(path), key);
  } catch (error) {
    return absentOrThrow(files, key, error);
  }
}

async function* readChunks(handle: Awaited<ReturnType<typeof open>>, key: string): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunkBytes));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw toStorageError(error, { verb: 'read', key });
  } finally {
    await handle.close();
  }
}

function removeObject(files: DirectoryFiles, key: string): boolean {
  try {
    fs.unlinkSync(files.pathOf(key));
    return true;
  } catch (error) {
    absentOrThrow(files, key, error);
    return false;
  }
}

/** A key is absent when its file is, when its name is a folder, or when its folder's name is a file: if the store is there. */
function absentOrThrow(files: DirectoryFiles, key: string, error: unknown): null {
  const code = toErrorCode(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EISDIR') throw error;
  files.assertThere('read', key);
  return null;
}

function statIfThere(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (toErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function readTag(path: string): string | null {
  return statIfThere(path)?.isFile() === true ? toTag(fs.readFileSync(path)) : null;
}

function toTag(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** Keeps the failure of a caller's chunks apart from the disk's: it goes back as it came. */
function watch(chunks: AsyncIterable<Uint8Array>): { chunks: AsyncIterable<Uint8Array>; failure: () => unknown } {
  let failure: unknown;
  async function* pass(): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { chunks: pass(), failure: () => failure };
}

/** Checks the key before any I/O, opens the folder at the first call, and maps what the file system throws. */
async function attempt<T>(parts: Parts, doing: Doing, work: () => Promise<T>): Promise<T> {
  if (doing.verb === 'list') assertObjectPrefix(doing.key);
  else assertObjectKey(doing.key);
  try {
    await parts.ready();
    return await work();
  } catch (error) {
    throw toStorageError(error, doing);
  }
}

/** Runs `work` until it has succeeded once. */
function createOnce(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work().catch((error: unknown) => {
      running = undefined;
      throw error;
    });
    return running;
  };
}

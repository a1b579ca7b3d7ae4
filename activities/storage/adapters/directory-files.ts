import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LRUCache } from 'lru-cache';
import { nestedKey, storeAway, toErrorCode } from './directory-errors.ts';

/** The file work below the directory store: scratch files that become objects, and folders that outlive a power cut. */
export interface DirectoryFiles {
  /** Path of the object's file. */
  readonly pathOf: (key: string) => string;
  /** Writes a scratch file durably, hands it to `publish`, and removes what is left of it whatever happens. */
  readonly withScratch: <T>(write: (fd: number) => Promise<void>, publish: (path: string) => Promise<T>) => Promise<T>;
  /** Runs `publish` (link or rename), making the key's folders when they are missing. */
  readonly inFolder: <T>(key: string, publish: () => T) => T;
  /** Makes the key's entry durable, and the entries of folders that this process has not yet seen durable. */
  readonly syncFolders: (key: string) => Promise<void>;
  /** Throws `Storage.Unavailable` when the store's folder is not there, so that absence is never made of an unmounted disk. */
  readonly assertThere: (verb: 'read' | 'write' | 'list' | 'delete', key: string) => void;
}

const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const write = promisify(fs.write);

/** Up to here a write is a copy into the page cache that takes microseconds; above, it goes through the thread pool. */
const inlineBytes = 65_536;
const scratchMaxAgeMs = 3_600_000;

/** Where writers prepare files: on the store's own file system, under a name that no key can have. */
const scratchName = '~tmp';

export function createDirectoryFiles(root: string): DirectoryFiles {
  const scratch = join(root, scratchName);
  const writer = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const durable = new LRUCache<string, true>({ max: 10_000 });
  let written = 0;

  const assertThere: DirectoryFiles['assertThere'] = (verb, key) => {
    if (fs.statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) throw storeAway({ verb, key });
  };
  const openScratch = (path: string): number => {
    try {
      return fs.openSync(path, 'wx');
    } catch (error) {
      if (toErrorCode(error) !== 'ENOENT') throw error;
      makeFolder(scratch);
      return fs.openSync(path, 'wx');
    }
  };

  return {
    pathOf: (key) => join(root, key),
    withScratch: async (fill, publish) => {
      const path = join(scratch, `${writer}-${(written += 1)}`);
      const fd = openScratch(path);
      try {
        try {
          await fill(fd);
          await fdatasync(fd);
        } finally {
          fs.closeSync(fd);
        }
        return await publish(path);
      } finally {
        removeQuietly(path);
      }
    },
    inFolder: (key, publish) => {
      try {
        return publish();
      } catch (error) {
        const code = toErrorCode(error);
        if (code === 'EISDIR') throw nestedKey(key, error);
        if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
        assertThere('write', key);
        if (code === 'ENOTDIR') throw nestedKey(key, error);
      }
      for (const folder of foldersOf(key)) {
        durable.delete(folder);
        makeFolder(join(root, folder));
      }
      return publish();
    },
    syncFolders: async (key) => {
      const folders = foldersOf(key).toReversed();
      // The parent holds the new entry; a folder not known to be durable has its own entry in the next one up.
      const toSync = new Set([folders[0] ?? '']);
      for (const folder of folders) if (!durable.has(folder)) toSync.add(parentOf(folder));
      await Promise.all([...toSync].map((folder) => syncFolder(join(root, folder))));
      for (const folder of folders) durable.set(folder, true);
    },
    assertThere,
  };
}

/** Makes the store's folder if it is missing, durably and for its owner only, and removes what crashed writers left behind. */
export async function openDirectory(root: string): Promise<void> {
  const first = await mkdir(join(root, scratchName), { recursive: true, mode: 0o700 });
  if (first !== undefined) {
    const top = dirname(first);
    for (let folder = root; folder.length >= top.length; folder = dirname(folder)) {
      await syncFolder(folder);
      if (folder === dirname(folder)) break;
    }
  }
  await sweepScratch(join(root, scratchName));
}

/** Writes all bytes at the file's end; a partial write goes on until the disk is full or all is there. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  if (bytes.byteLength <= inlineBytes) {
    for (let done = 0; done < bytes.byteLength;) done += fs.writeSync(fd, bytes, done);
    return;
  }
  for (let done = 0; done < bytes.byteLength;) {
    done += (await write(fd, bytes, done)).bytesWritten;
  }
}

/** `a/b/c` → `['a', 'a/b']`: the folders of a key, outermost first. */
function foldersOf(key: string): string[] {
  const segments = key.split('/').slice(0, -1);
  return segments.map((_, index) => segments.slice(0, index + 1).join('/'));
}

function parentOf(folder: string): string {
  const end = folder.lastIndexOf('/');
  return end === -1 ? '' : folder.slice(0, end);
}

function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (toErrorCode(error) !== 'EEXIST') throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    await fsync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** After a rename the scratch name is gone; after a failure of the disk it may stay, and the next sweep takes it. */
function removeQuietly(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // The failure that matters is already on its way to the caller.
  }
}

async function sweepScratch(scratch: string): Promise<void> {
  const oldest = Date.now() - scratchMaxAgeMs;
  const names = await readdir(scratch);
  const sweep = async (name: string): Promise<void> => {
    const path = join(scratch, name);
    if ((await stat(path)).mtimeMs < oldest) await unlink(path);
  };
  // Other processes sweep and finish files at the same time, so a file may be gone by now.
  await Promise.allSettled(names.map(sweep));
}

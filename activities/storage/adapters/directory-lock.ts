import { statSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../../domain/errors.ts';
import { storeAway } from './directory-errors.ts';

/** Excludes every other process and every other store object on the same folder while a short section runs. */
export interface DirectoryLock {
  /**
   * Runs `section`, which must not wait for anything, alone.
   *
   * @throws AppError `Storage.Unavailable` when a stopped process holds the lock for longer than 10 s.
   */
  readonly run: <T>(key: string, section: () => T) => Promise<T>;
}

const patienceMs = 10_000;
const sqliteBusy = 5;
const sqliteFull = 13;

interface Held {
  readonly database: DatabaseSync;
  readonly begin: StatementSync;
  readonly release: StatementSync;
  readonly inode: bigint;
}

/**
 * A lock that the kernel frees when its holder dies.
 *
 * Node has no `flock`. A lock file with a pid in it needs a rule for stale locks, and each such rule has a moment in which two
 * processes hold it (pids are reused, and differ between containers that share the folder). SQLite takes real record locks
 * (`fcntl`) on the file, so an empty transaction is such a lock: SIGKILL at any point frees it, and a stopped process keeps it.
 * It is always rolled back, so the file stays empty and a full disk does not matter: 6 µs for begin and end together.
 */
export function createDirectoryLock(path: string): DirectoryLock {
  let held: Held | undefined;

  /** Takes the lock, or says that it is taken. A lock file that was replaced under our feet is opened anew. */
  const take = (): Held | null => {
    held ??= open(path);
    try {
      held.begin.run();
    } catch (error) {
      if (toSqliteCode(error) === sqliteBusy) return null;
      held = undefined;
      throw error;
    }
    if (statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === held.inode) return held;
    held.database.close();
    held = undefined;
    return null;
  };

  return {
    run: async (key, section) => {
      const deadline = performance.now() + patienceMs;
      for (;;) {
        const lock = guard(key, take);
        if (lock !== null) {
          try {
            return section();
          } finally {
            lock.release.run();
          }
        }
        if (performance.now() > deadline) throw stuck(key);
        await delay(1 + Math.random() * 4);
      }
    },
  };
}

function open(path: string): Held {
  const database = new DatabaseSync(path);
  // Waiting inside SQLite would stop the event loop. With the journal in memory nothing is ever written.
  database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY');
  const inode = statSync(path, { bigint: true }).ino;
  return { database, begin: database.prepare('BEGIN IMMEDIATE'), release: database.prepare('ROLLBACK'), inode };
}

function toSqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

function guard<T>(key: string, take: () => T): T {
  try {
    return take();
  } catch (error) {
    const code = toSqliteCode(error);
    if (code === sqliteFull) {
      const what = `cannot lock ${key} in the object store's folder`;
      throw new AppError('Storage.Full', { what, mend: 'Free space on its disk.', cause: error });
    }
    if (code !== undefined) throw storeAway({ verb: 'lock', key });
    throw error;
  }
}

function stuck(key: string): AppError {
  return new AppError('Storage.Unavailable', {
    what: `another process has held the object store's lock for ${patienceMs / 1000} s, so ${key} was not written`,
    mend: 'A worker or API process on this folder is stopped (state T): continue it or kill it.',
  });
}

import { AppError } from '../../../domain/errors.ts';

/** What the store was doing when the file system failed; `key` is relative to the store's folder. */
export interface Doing {
  readonly verb: 'open' | 'read' | 'write' | 'delete' | 'list' | 'lock';
  readonly key: string;
}

const mends: Readonly<Record<string, string>> = {
  EACCES: "Give the worker's user read, write and search permission on the store's folder.",
  EPERM: 'The file system must allow hard links, and the folder must not be immutable or append-only.',
  EROFS: 'Mount the file system for writing.',
  EIO: 'The disk reports errors: check it and the kernel log before going on.',
  EXDEV: 'No folder inside the store may be a mount of its own: mount the store as a whole.',
  EMFILE: 'Raise the limit on open files (ulimit -n).',
  ENFILE: "Raise the host's limit on open files (fs.file-max).",
  EMLINK: 'The file system allows no more links here: move the store to one with a higher limit.',
};
const usualMend = "Bring the store's folder back, or correct its path; the work is tried again by itself.";

/** The error's code when it comes from the operating system. */
export function toErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Maps a file system error to the store's failure types; what is not one is returned as it is. */
export function toStorageError(error: unknown, doing: Doing): unknown {
  if (error instanceof AppError) return error;
  const code = toErrorCode(error);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const what = `cannot ${doing.verb} ${doing.key} in the object store's folder (${code})`;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('Storage.Full', {
      what,
      mend: 'Free space (or inodes, or quota) on its disk; nothing was half written.',
      cause: error,
    });
  }
  return unavailable(what, mends[code] ?? usualMend, error);
}

/** The folder itself is gone or is not a folder: never recreated once it was there, as a mount may be missing. */
export function storeAway(doing: Doing): AppError {
  const what = `cannot ${doing.verb} ${doing.key}: the object store's folder is gone or is not a folder`;
  return unavailable(what, usualMend);
}

/** A key that continues another key, or is continued by one: a file cannot also be a folder. */
export function nestedKey(key: string, cause?: unknown): AppError {
  return new AppError('Storage.BadKey', {
    what: `the object key ${key} continues another object's key, or another continues it`,
    mend: 'On a directory store no key may be the folder of another: choose another last segment.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function unavailable(what: string, mend: string, cause?: unknown): AppError {
  return new AppError('Storage.Unavailable', { what, mend, ...(cause === undefined ? {} : { cause }) });
}

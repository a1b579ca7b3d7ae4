import { chmodSync, chownSync, constants, copyFileSync, lstatSync, renameSync, utimesSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openNoFollow, type WalkedName } from './tree-walk.ts';

/**
 * Makes a file of several names a file of its own under this one: a snapshot keeps names and bytes, so a restored workspace would
 * have them apart, and every host must go on from the same files.
 */
export function splitTwin(name: WalkedName, trash: string): WalkedName {
  const { at, stats } = name;
  if (stats.nlink <= 1n) return name;
  const copy = join(trash, randomBytes(8).toString('hex'));
  const opened = openNoFollow(at, stats);
  try {
    copyFileSync(`/proc/self/fd/${opened.fd}`, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } finally {
    opened.close();
  }
  if (process.getuid?.() === 0) chownSync(copy, Number(stats.uid), Number(stats.gid));
  chmodSync(copy, Number(stats.mode & 0o7777n));
  utimesSync(copy, Number(stats.atimeMs) / 1_000, Number(stats.mtimeMs) / 1_000);
  renameSync(copy, at);
  return { ...name, stats: lstatSync(at, { bigint: true }) };
}

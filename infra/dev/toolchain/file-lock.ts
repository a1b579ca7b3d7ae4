import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, isAlive, isErrorWithCode, type ProcessIdentity } from './process-identity.ts';

const POLL_MS = 250;

/** A lock that is held. */
export interface FileLock {
  /** Gives the lock to another living process, so that it stays held for as long as that one lives. */
  readonly transfer: (pid: number) => Promise<void>;
  readonly release: () => Promise<void>;
}

export interface FileLockOptions {
  readonly path: string;
  /** Called once, before waiting, with the process that holds the lock. It may throw to refuse to wait. */
  readonly onHeld: (holderPid: number) => void;
}

/**
 * Takes the lock file at `path`, waiting while a living process holds it; the lock of a dead process is taken over.
 *
 * *Contract:* one holder at a time; throws what `onHeld` throws. A lock is a file with the holder's identity, made by
 * `link`, so that it is never seen half written.
 */
export async function takeFileLock({ path, onHeld }: FileLockOptions): Promise<FileLock> {
  await mkdir(dirname(path), { recursive: true });
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, toText(process.pid));
  try {
    for (let told = false; !(await tryLink(own, path));) {
      const seen = await readHolder(path);
      if (seen === null) continue;
      if (!isAlive(seen.holder)) {
        await removeStale(path, seen.text);
        continue;
      }
      if (!told) onHeld(seen.holder.pid);
      told = true;
      await delay(POLL_MS);
    }
  } finally {
    await rm(own, { force: true });
  }
  return {
    transfer: async (pid) => {
      await writeFile(own, toText(pid));
      await rename(own, path);
    },
    release: () => rm(path, { force: true }),
  };
}

async function tryLink(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (isErrorWithCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<{ text: string; holder: ProcessIdentity } | null> {
  try {
    const text = await readFile(path, 'utf8');
    const [pid = '', startedAt = ''] = text.trim().split(' ');
    return { text, holder: { pid: Number(pid), startedAt } };
  } catch (error) {
    if (isErrorWithCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Moves the dead holder's lock aside; when another process was quicker and the moved one is its lock, puts it back. */
async function removeStale(path: string, staleText: string): Promise<void> {
  const aside = `${path}.stale-${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isErrorWithCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) !== staleText) await tryLink(aside, path);
  await rm(aside, { force: true });
}

function toText(pid: number): string {
  return `${pid} ${identifyProcess(pid)?.startedAt ?? ''}\n`;
}

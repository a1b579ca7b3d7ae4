import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../../domain/errors.ts';

/** How the processes of a box are told from all others on the host. */
export type BoxOwner =
  /** A uid that nobody else has. */
  | { readonly kind: 'uid'; readonly uid: number }
  /** A directory on the way to the mounted workspace: all that is left when the uid is the worker's own. */
  | { readonly kind: 'mount'; readonly part: string };

/**
 * Kills every process of a box and waits until none is left.
 *
 * *Contract:* idempotent.
 * @throws AppError `Sandbox.Unavailable` when processes outlive SIGKILL for seconds (stuck in the kernel).
 */
export async function killBox(owner: BoxOwner): Promise<void> {
  for (let round = 0; round < 300; round += 1) {
    const pids = await findBoxProcesses(owner);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    await delay(10);
  }
  throw new AppError('Sandbox.Unavailable', { what: 'processes of the sandbox did not die after SIGKILL' });
}

/** Process ids of a box, zombies left out. */
export async function findBoxProcesses(owner: BoxOwner): Promise<number[]> {
  const pids = await listProcesses();
  const found = await Promise.all(pids.map(async (pid) => ((await isOfBox(pid, owner)) ? pid : null)));
  return found.filter((pid) => pid !== null);
}

/** Uids of all living processes between `first` and `last`. */
export async function findUids(range: { readonly first: number; readonly last: number }): Promise<Set<number>> {
  const uids = await Promise.all((await listProcesses()).map(async (pid) => uidsOf(await readStatus(pid))));
  return new Set(uids.flat().filter((uid) => uid >= range.first && uid <= range.last));
}

async function listProcesses(): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  return names.map(Number).filter((pid) => pid !== process.pid);
}

async function isOfBox(pid: number, owner: BoxOwner): Promise<boolean> {
  const status = await readStatus(pid);
  if (status === '') return false;
  if (owner.kind === 'uid') return uidsOf(status).includes(owner.uid);
  const mountinfo = await readOrNothing(`/proc/${pid}/mountinfo`);
  return mountinfo.split('\n').some((line) => line.includes(owner.part) && line.includes(' /home/user '));
}

/** Nothing for a process that is dead already. */
async function readStatus(pid: number): Promise<string> {
  const status = await readOrNothing(`/proc/${pid}/status`);
  return /^State:\s+[ZX]/m.test(status) ? '' : status;
}

function uidsOf(status: string): number[] {
  const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  return uids.map(Number);
}

/** A process may end between two looks at it. */
async function readOrNothing(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone; the next round looks again.
  }
}

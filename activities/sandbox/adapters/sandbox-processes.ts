import { readFile, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../../domain/errors.ts';

/** How the processes of a box are told from all others on the host. */
export type BoxOwner =
  /** A uid that nobody else has. */
  | { readonly kind: 'uid'; readonly uid: number }
  /** The end of the mounted workspace's path: all that is left when the uid is the worker's own. */
  | { readonly kind: 'mount'; readonly suffix: string };

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
  const names = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(names.map(async (name) => ((await isOfBox(name, owner)) ? Number(name) : null)));
  return found.filter((pid) => pid !== null);
}

async function isOfBox(name: string, owner: BoxOwner): Promise<boolean> {
  const status = await readOrNothing(`/proc/${name}/status`);
  if (status === '' || /^State:\s+[ZX]/m.test(status)) return false;
  if (owner.kind === 'uid') {
    const uids = /^Uid:\s+(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
    return uids.includes(String(owner.uid));
  }
  const mountinfo = await readOrNothing(`/proc/${name}/mountinfo`);
  return mountinfo.includes(`${owner.suffix} /home/user `);
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

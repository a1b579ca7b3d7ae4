import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxRef } from '../ports.ts';
import { idPattern, type Host } from './bubblewrap-host.ts';
import { toHostError } from './host-command.ts';
import { killBox, type BoxOwner } from './sandbox-processes.ts';
import { isThere, removeTree } from './sandbox-workspace.ts';

/** How the processes of this sandbox are found. */
export function toOwner({ runId, sandboxId }: SandboxRef, uid: number | null): BoxOwner {
  return uid === null ? { kind: 'mount', suffix: `/${runId}/${sandboxId}/work` } : { kind: 'uid', uid };
}

/** Kills and removes every sandbox of a run. Idempotent, also after a crash half way. */
export async function destroyRun(host: Host, runId: string): Promise<void> {
  const runPath = join(host.directory, runId);
  const trash = join(host.directory, '.trash');
  try {
    await mkdir(trash, { recursive: true, mode: 0o700 });
    // Out of sight in one step, so that no new box can find its files; then what runs is killed, and only then removed.
    if (await isThere(runPath)) await rename(runPath, join(trash, `${runId}.${randomBytes(6).toString('hex')}`));
    const left = (await readdir(trash)).filter((name) => name.startsWith(`${runId}.`));
    const uids = (await host.uids?.ownedBy(runId)) ?? [];
    const owners =
      host.uids === null ? await ownersByMount(trash, left) : uids.map((uid) => ({ kind: 'uid', uid }) as const);
    await Promise.all(owners.map(killBox));
    await Promise.all(left.map(async (name) => removeTree(join(trash, name))));
    await Promise.all(uids.map(async (uid) => host.uids?.release(uid)));
  } catch (error) {
    throw toHostError('destroying a sandbox', error);
  }
}

async function ownersByMount(trash: string, runIds: readonly string[]): Promise<BoxOwner[]> {
  const owners = runIds.map(async (runId) => {
    const names = await readdir(join(trash, runId)).catch(() => []);
    return names.filter((name) => idPattern.test(name)).map((sandboxId) => toOwner({ runId, sandboxId }, null));
  });
  return (await Promise.all(owners)).flat();
}

/** Runs with a sandbox; those that a crash left half made or half destroyed too, so that the reaper finishes them. */
export async function listRuns(host: Host): Promise<string[]> {
  const present = (await readdir(host.directory).catch(() => [])).filter((name) => idPattern.test(name));
  const trashed = (await readdir(join(host.directory, '.trash')).catch(() => [])).map(
    (name) => name.split('.', 1)[0] ?? '',
  );
  const claimed = ((await host.uids?.owners()) ?? []).map((owner) => owner.split('/', 1)[0] ?? '');
  return [...new Set([...present, ...trashed, ...claimed])].filter((name) => idPattern.test(name)).toSorted();
}

import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import type { Workspace } from '../driver.ts';
import type { Lease } from '../lease.ts';
import type { SandboxRef } from '../ports.ts';
import { type Host, toRunName, toSandboxPath } from './sandbox-host.ts';
import { createWorkspace, layOut } from './host-workspace.ts';
import { type EpochDirectory, listEpochs, makeEpoch, takeOver } from './epochs.ts';
import { toHostError } from './host-command.ts';
import { discardEpoch, readClaim } from './sandbox-removal.ts';
import { minSandboxUid, type UidClaim } from './sandbox-uids.ts';

/** See `SandboxDriver.open`. */
export async function openWorkspace(
  host: Host,
  ref: SandboxRef,
  { lease, before }: { readonly lease: Lease; readonly before: string | null },
): Promise<{ workspace: Workspace; isTakenOver: boolean }> {
  const sandboxPath = toSandboxPath(host, ref);
  const runName = toRunName(ref);
  try {
    await makeOpen(dirname(sandboxPath));
    await makeOpen(sandboxPath);
    const epoch = await makeEpoch(sandboxPath, lease);
    const older = (await listEpochs(sandboxPath)).filter((other) => other.epoch < lease.epoch).toReversed();
    const isTakenOver = await takeNewest(older, epoch, before);
    for (const other of older) await discardEpoch(host, runName, other);
    const uid = await ensureUid(host, epoch, `${runName}/${ref.sandboxId}/${epoch.name}`);
    const place = { path: epoch.path, workPath: join(epoch.path, 'work'), uid };
    if (!isTakenOver) await layOut(place);
    return { workspace: createWorkspace(host, { place, sandboxPath, name: epoch.name }), isTakenOver };
  } catch (error) {
    throw toHostError('opening a sandbox', error);
  }
}

/** The files of the newest directory that rests as the wanted tree, if there is one. */
async function takeNewest(
  older: readonly EpochDirectory[],
  epoch: EpochDirectory,
  before: string | null,
): Promise<boolean> {
  for (const other of older) if (await takeOver(other, epoch.path, before)) return true;
  return false;
}

/** Others may pass through, not look into it. */
async function makeOpen(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o711);
}

/** The uid of the files that were taken over, else one of its own; null when the worker has none to give. */
async function ensureUid(host: Host, { path }: EpochDirectory, owner: string): Promise<number | null> {
  const uidPath = join(path, 'uid');
  if (host.uids === null) {
    await writeFile(uidPath, '', { mode: 0o600 });
    return null;
  }
  const taken = await readClaim(path);
  if (taken !== null) return checkUid(taken, path);
  const uid = await host.uids.claim(owner);
  await writeFile(uidPath, `${uid} ${owner}`, { mode: 0o600 });
  return uid;
}

/** A box never starts with the uid of a root worker. */
function checkUid({ uid }: UidClaim, path: string): number {
  if (uid >= minSandboxUid) return uid;
  throw new AppError('Sandbox.Unsafe', {
    what: `the sandbox in ${path} has no uid that this worker may give it`,
    mend: 'Destroy it: it was made by a worker with another user, or its uid file was changed.',
  });
}

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { RunRef } from '../../../domain/ids.ts';
import type { LocalWorkspace } from '../driver.ts';
import type { SandboxRef } from '../ports.ts';
import { fromRunName, type Host, idPattern, toRunName, toSandboxPath } from './sandbox-host.ts';
import { type EpochDirectory, listEpochs } from './epochs.ts';
import { toHostError } from './host-command.ts';
import { isThere, removeTree } from './host-files.ts';
import { type BoxOwner, findUids, killBox } from './sandbox-processes.ts';
import type { UidClaim } from './sandbox-uids.ts';

/** In the trash: an epoch of a sandbox, not a whole run. */
const epochSuffix = '.epoch';

/** How the processes of the boxes under this path are found. */
export function toOwner(host: Host, path: string, uid: number | null): BoxOwner {
  return uid === null ? { kind: 'mount', part: `/${relative(host.directory, path)}/` } : { kind: 'uid', uid };
}

/** Ends and removes one epoch of a sandbox. Idempotent; two at once do no harm. */
export async function discardEpoch(host: Host, runName: string, { path, name }: EpochDirectory): Promise<void> {
  const claim = await readClaim(path);
  await (await host.groups())?.kill(name);
  // Before it is out of sight for whoever looks for its processes by its path.
  await killBox(toOwner(host, path, claim?.uid ?? null));
  const trash = await throwAway(host, path, { runName, suffix: epochSuffix });
  if (trash === null) return;
  await empty(host, trash, claim === null ? [] : [claim]);
}

/** Kills and removes every sandbox of a run. Idempotent, also after a crash half way. */
export async function destroyRun(host: Host, run: RunRef): Promise<void> {
  const runName = toRunName(run);
  try {
    const names = await listEpochNames(host, [run]);
    await throwAway(host, join(host.directory, runName), { runName, suffix: '' });
    const left = (await readdir(join(host.directory, '.trash'))).filter((name) => name.startsWith(`${runName}.`));
    const groups = await host.groups();
    for (const name of names) await groups?.kill(name);
    const claims = (await listClaims(host)).filter(({ owner }) => owner.startsWith(`${runName}/`));
    if (left.length === 0) await release(host, claims);
    for (const name of left) await empty(host, join(host.directory, '.trash', name), claims);
  } catch (error) {
    throw toHostError('destroying a sandbox', error);
  }
}

/** Out of sight in one step, so that no new box can find its files. Null when it was gone. */
async function throwAway(
  host: Host,
  path: string,
  name: { readonly runName: string; readonly suffix: string },
): Promise<string | null> {
  const trash = join(host.directory, '.trash');
  await mkdir(trash, { recursive: true, mode: 0o700 });
  const thrown = join(trash, `${name.runName}.${randomBytes(6).toString('hex')}${name.suffix}`);
  try {
    await rename(path, thrown);
    return thrown;
  } catch (error) {
    if (await isThere(path)) throw error;
    return null;
  }
}

/** Then what runs is killed, and only then the files are removed and the uids given back. */
async function empty(host: Host, trash: string, claims: readonly UidClaim[]): Promise<void> {
  const owners = host.uids === null ? [toOwner(host, trash, null)] : claims.map(({ uid }) => toOwner(host, trash, uid));
  await Promise.all(owners.map(killBox));
  await removeTree(trash);
  await release(host, claims);
}

async function release(host: Host, claims: readonly UidClaim[]): Promise<void> {
  await Promise.all(claims.map(async ({ uid, owner }) => host.uids?.release(uid, owner)));
}

/** The uid that a directory's boxes have, as its owner wrote it; null when they have the worker's. */
export async function readClaim(path: string): Promise<UidClaim | null> {
  const text = await readFile(join(path, 'uid'), 'utf8').catch(() => '');
  const [, uid, owner] = /^([0-9]+) (.+)$/.exec(text) ?? [];
  return uid === undefined || owner === undefined ? null : { uid: Number(uid), owner };
}

/** Runs with a sandbox; those that a crash left half made or half destroyed too, so that the reaper finishes them. */
export async function listRuns(host: Host): Promise<RunRef[]> {
  const present = await readdir(host.directory).catch(() => []);
  const trashed = (await readdir(join(host.directory, '.trash')).catch(() => [])).map((name) =>
    name.split('.').slice(0, 2).join('.'),
  );
  const claimed = (await listClaims(host)).map(({ owner }) => owner.split('/', 1)[0] ?? '');
  const runs = [...new Set([...present, ...trashed, ...claimed])].toSorted().map(fromRunName);
  return runs.filter((run) => run !== null);
}

/** The newest epoch of each sandbox. */
export async function listWorkspaces(host: Host): Promise<LocalWorkspace[]> {
  const names = await readdir(host.directory).catch(() => []);
  const runs = names.map(fromRunName).filter((run) => run !== null);
  const found = await Promise.all(runs.map(async (run) => listSandboxes(host, run)));
  const newest = found.flat().map(async (ref) => {
    const epoch = (await listEpochs(toSandboxPath(host, ref))).at(-1)?.epoch;
    return epoch === undefined ? [] : [{ ref, epoch }];
  });
  return (await Promise.all(newest)).flat();
}

async function listSandboxes(host: Host, run: RunRef): Promise<SandboxRef[]> {
  const names = await readdir(join(host.directory, toRunName(run))).catch(() => []);
  return names.filter((name) => idPattern.test(name)).map((sandboxId) => ({ ...run, sandboxId }));
}

/** Kills processes whose uid nobody claims, and removes what a crash left in the trash. */
export async function sweepHost(host: Host): Promise<void> {
  const trash = join(host.directory, '.trash');
  const names = await readdir(trash).catch(() => []);
  for (const name of names.filter((found) => found.endsWith(epochSuffix))) {
    const claim = await readClaim(join(trash, name));
    await empty(host, join(trash, name), claim === null ? [] : [claim]);
  }
  await (await host.groups())?.sweep(async () => listEpochNames(host));
  if (host.uids === null) return;
  const { first, count } = host.uids.range;
  // Processes first: a uid is claimed before its first process starts.
  const running = await findUids({ first, last: first + count - 1 });
  const claimed = new Set((await listClaims(host)).map(({ uid }) => uid));
  await Promise.all([...running].filter((uid) => !claimed.has(uid)).map(async (uid) => killBox({ kind: 'uid', uid })));
}

async function listEpochNames(host: Host, runs?: readonly RunRef[]): Promise<Set<string>> {
  const named = runs ?? (await readdir(host.directory).catch(() => [])).map(fromRunName).filter((run) => run !== null);
  const refs = (await Promise.all(named.map(async (run) => listSandboxes(host, run)))).flat();
  const epochs = await Promise.all(refs.map(async (ref) => listEpochs(toSandboxPath(host, ref))));
  return new Set(epochs.flat().map(({ name }) => name));
}

async function listClaims(host: Host): Promise<UidClaim[]> {
  return (await host.uids?.claims()) ?? [];
}

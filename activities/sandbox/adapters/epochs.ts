import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { AppError } from '../../../domain/errors.ts';
import type { Lease } from '../lease.ts';

/**
 * The directories of one sandbox on this host: one an epoch, named `<epoch>.<nonce>`. They are the fence: the newest is the only one
 * that counts, and making it is what fences the others. In each: `work` (bound into the box), `uid`, `job` (what runs now), `trash`,
 * and `rest` while nobody works in it.
 */
export interface EpochDirectory {
  readonly path: string;
  readonly epoch: number;
  readonly name: string;
}

const namePattern = /^([1-9][0-9]{0,15})\.[0-9a-f]{12}$/;

/** What `rest` says of a workspace without files. */
const noFiles = '-';

function toEpochName({ epoch, nonce }: Pick<Lease, 'epoch' | 'nonce'>): string {
  return `${epoch}.${nonce}`;
}

/** Directories of a sandbox, oldest epoch first. */
export async function listEpochs(sandboxPath: string): Promise<EpochDirectory[]> {
  const names = await readdir(sandboxPath).catch(() => []);
  return names
    .flatMap((name) => {
      const epoch = namePattern.exec(name)?.[1];
      return epoch === undefined ? [] : [{ name, epoch: Number(epoch), path: join(sandboxPath, name) }];
    })
    .toSorted((left, right) => left.epoch - right.epoch);
}

/** Is this directory there, and the newest of its sandbox? */
export async function isNewest(sandboxPath: string, name: string): Promise<boolean> {
  return (await listEpochs(sandboxPath)).at(-1)?.name === name;
}

/**
 * Raises the fence of a lease.
 *
 * @throws AppError `Ledger.Fenced` when a later epoch stands here
 */
export async function makeEpoch(sandboxPath: string, lease: Lease): Promise<EpochDirectory> {
  const name = toEpochName(lease);
  const path = join(sandboxPath, name);
  await mkdir(path, { mode: 0o711 });
  if (await isNewest(sandboxPath, name)) return { path, name, epoch: lease.epoch };
  await rm(path, { recursive: true, force: true });
  throw new AppError('Ledger.Fenced', { what: `epoch ${lease.epoch} of a sandbox was followed by a later one` });
}

/** Lets a directory stand as the tree of this digest. */
export async function putToRest(path: string, digest: string | null): Promise<void> {
  const fresh = join(path, `rest.${randomBytes(6).toString('hex')}`);
  await writeFile(fresh, digest ?? noFiles, { mode: 0o600 });
  await rename(fresh, join(path, 'rest'));
}

/** Ends a directory's rest. False when it does not rest: another holder ended it, or the directory is gone. */
export async function endRest(path: string): Promise<boolean> {
  return unlink(join(path, 'rest')).then(
    () => true,
    () => false,
  );
}

/**
 * Takes the files of a resting directory over into a new one, when they are said to be those of `digest`.
 *
 * Of the old holder's claim and this one's exactly one moves the mark of rest, so only one of them goes on with the files.
 */
export async function takeOver(old: EpochDirectory, path: string, digest: string | null): Promise<boolean> {
  const mark = join(path, 'taken');
  try {
    await rename(join(old.path, 'rest'), mark);
    if ((await readFile(mark, 'utf8')) !== (digest ?? noFiles)) return false;
    await rename(join(old.path, 'uid'), join(path, 'uid'));
    await rename(join(old.path, 'work'), join(path, 'work'));
    return true;
  } catch {
    return false;
  } finally {
    await rm(mark, { force: true });
  }
}

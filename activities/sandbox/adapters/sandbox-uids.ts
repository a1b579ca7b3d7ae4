import { createHash, randomInt } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';

/** Host uids that sandboxes may have: `first` to `first + count - 1`. */
export interface UidRange {
  readonly first: number;
  readonly count: number;
}

const blocks = { first: 1_900_000_000, size: 4096, count: 60_000 } as const;

/**
 * Uids of sandboxes when nobody configured them: a block that follows from the directory, so that two installations on
 * one host do not kill each other's processes.
 *
 * *Source:* the blocks lie above all ranges that login, subuid and systemd hand out (systemd, "Users, Groups, UIDs and
 * GIDs").
 */
export function toDefaultUidRange(directory: string): UidRange {
  const block = createHash('sha256').update(directory).digest().readUInt32BE(0) % blocks.count;
  return { first: blocks.first + block * blocks.size, count: blocks.size };
}

/** Below it are root, system accounts and people. */
export const minSandboxUid = 100_000;

/** Hands out uids, one owner each, shared by all processes of this host that use the same directory. */
export interface UidPool {
  readonly range: UidRange;
  /** *Contract:* atomic across processes. @throws AppError `Sandbox.Unavailable` when all are taken. */
  readonly claim: (owner: string) => Promise<number>;
  /** Gives a uid back, if it is still this owner's. */
  readonly release: (uid: number, owner: string) => Promise<void>;
  readonly claims: () => Promise<UidClaim[]>;
}

/** A uid and whose it is. */
export interface UidClaim {
  readonly uid: number;
  readonly owner: string;
}

/** A pool of uids kept as one file a claimed uid in `directory`. */
export function createUidPool(directory: string, range: UidRange): UidPool {
  const claims = async (): Promise<UidClaim[]> => {
    const names = await readdir(directory).catch(() => []);
    const found = names
      .filter((name) => /^[0-9]+$/.test(name))
      .map(async (name) => ({
        uid: Number(name),
        owner: await readFile(join(directory, name), 'utf8').catch(() => ''),
      }));
    return Promise.all(found);
  };
  return {
    range,
    claims,
    claim: async (owner) => {
      await checkRange(range);
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const taken = new Set([...(await claims()).map(({ uid }) => uid), ...(await accountUids())]);
      // From anywhere, so that a uid that was given back is not the next one that is claimed: whoever still means to kill its old
      // processes, late, finds none.
      const start = randomInt(range.count);
      for (let step = 0; step < range.count; step += 1) {
        const uid = range.first + ((start + step) % range.count);
        if (!taken.has(uid) && (await writeClaim(join(directory, String(uid)), owner))) return uid;
      }
      throw new AppError('Sandbox.Unavailable', {
        what: `all ${range.count} uids of the sandbox host are taken`,
        mend: 'Destroy sandboxes of ended runs, or widen uidRange.',
      });
    },
    release: async (uid, owner) => {
      const path = join(directory, String(uid));
      const standing = await readFile(path, 'utf8').catch(() => null);
      if (standing === owner) await rm(path, { force: true });
    },
  };
}

/** False when another process was faster. */
async function writeClaim(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function accountUids(): Promise<number[]> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  return passwd.split('\n').map((line) => Number(line.split(':')[2]));
}

async function checkRange({ first, count }: UidRange): Promise<void> {
  const last = first + count - 1;
  const shape = `uidRange must begin at or above ${minSandboxUid}, hold at least one uid and end below 2147483648`;
  const isShaped = Number.isSafeInteger(first) && Number.isSafeInteger(count) && first >= minSandboxUid && count >= 1;
  if (!isShaped || last >= 2 ** 31) throw new AppError('Config.Invalid', { what: shape, field: 'uidRange' });
  const mapped = (await readFile('/proc/self/uid_map', 'utf8')).trim().split('\n');
  const isMapped = mapped.some((line) => {
    const [inside = 0, , length = 0] = line.trim().split(/\s+/).map(Number);
    return first >= inside && last < inside + length;
  });
  if (isMapped) return;
  throw new AppError('Config.Invalid', {
    what: `uids ${first} to ${last} (uidRange) do not exist in this container`,
    mend: 'Give a uidRange inside the ranges of /proc/self/uid_map.',
    field: 'uidRange',
  });
}

import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import type { ByteText } from '../tree/tree.ts';
import { createPace } from './pace.ts';

/** A name that the walk came to. */
export interface WalkedName {
  readonly path: ByteText;
  /** Of the name itself; a link is not followed. */
  readonly stats: BigIntStats;
  /**
   * Reaches the name through the open descriptor of its directory: no part of the way can be exchanged for a link. Good until the
   * visit ends. The last part is still a name, so whoever opens it does so without following links.
   */
  readonly at: Buffer;
}

/** Told of each name, parents first. `skip` keeps the walk out of a directory. */
export type Visit = (name: WalkedName) => 'skip' | undefined | Promise<'skip' | undefined>;

const modeBits = 0o7777n;

/**
 * Goes through a directory that code of a model has filled, as a host process: never through a link, never out of it, never
 * waiting for a pipe.
 */
export async function walkTree(root: string, visit: Visit): Promise<void> {
  const pace = createPace();
  const walk = async (fd: number, prefix: ByteText): Promise<void> => {
    for (const name of readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })) {
      const turn = pace();
      if (turn !== null) await turn;
      const at = Buffer.concat([Buffer.from(`/proc/self/fd/${fd}/`), name]);
      const stats = lstatSync(at, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      const path = prefix + name.toString('latin1');
      const verdict = visit({ path, stats, at });
      if ((verdict instanceof Promise ? await verdict : verdict) === 'skip' || !stats.isDirectory()) continue;
      const opened = openNoFollow(at, stats, constants.O_DIRECTORY);
      try {
        await walk(opened.fd, `${path}/`);
      } finally {
        opened.close();
      }
    }
  };
  const fd = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await walk(fd, '');
  } finally {
    closeSync(fd);
  }
}

/** An open name, and its end: what was opened to its owner for reading is closed to him again. */
export interface OpenedName {
  readonly fd: number;
  readonly close: () => void;
}

/**
 * Opens a file or directory that the walk came to, for reading.
 *
 * @throws what the system says when the name is a link by now; an Error when it is another file
 */
export function openNoFollow(at: Buffer, stats: BigIntStats, flags = 0): OpenedName {
  const mode = Number(stats.mode & modeBits);
  const opened = openToOwner({ at, mode, flags: flags | constants.O_RDONLY });
  const now = fstatSync(opened.fd, { bigint: true });
  if (now.ino === stats.ino && now.dev === stats.dev) return opened;
  opened.close();
  throw new Error(`a file of the workspace was exchanged while it was opened`);
}

function openToOwner(name: { readonly at: Buffer; readonly mode: number; readonly flags: number }): OpenedName {
  const flags = name.flags | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const fd = openSync(name.at, flags);
    return { fd, close: () => closeSync(fd) };
  } catch (error) {
    // Root may read everything; any other worker owns the files and must first let itself in.
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error;
  }
  chmodSync(name.at, name.mode | 0o700);
  const fd = openSync(name.at, flags);
  return {
    fd,
    close: () => {
      fchmodSync(fd, name.mode);
      closeSync(fd);
    },
  };
}

/** The text of a link that the walk came to. */
export function readTarget({ at }: Pick<WalkedName, 'at'>): ByteText {
  return readlinkSync(at, { encoding: 'buffer' }).toString('latin1');
}

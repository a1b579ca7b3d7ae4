import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import type { ByteText, FileEntry } from '../tree/tree.ts';
import type { KnownTree, Scrutiny } from '../driver.ts';
import { createPace } from './pace.ts';
import { isSettled, toHint } from './tree-capture.ts';
import { openNoFollow, readTarget, type WalkedName, walkTree } from './tree-walk.ts';

/** How a workspace is compared with the tree that it should be. */
export interface VerifyOptions {
  readonly root: string;
  readonly known: KnownTree;
  readonly scrutiny: Scrutiny;
}

/**
 * Is the workspace the known tree, name by name and byte by byte?
 *
 * *Contract:* the tree with fresh hints, or null when anything is different.
 */
export async function verifyTree({ root, known, scrutiny }: VerifyOptions): Promise<KnownTree | null> {
  const expected = new Map(known.entries.map((entry) => [entry.path, entry]));
  const startedNs = BigInt(Date.now()) * 1_000_000n;
  const hints = new Map<ByteText, string>();
  let seen = 0;
  let isSame = true;
  const isAsExpected = async (name: WalkedName): Promise<boolean> => {
    const entry = expected.get(name.path);
    if (entry === undefined || !hasKind(name, entry.kind)) return false;
    // A link's text cannot be changed in place, but the name may be another link.
    if (entry.kind === 'link') return readTarget(name) === entry.target;
    if (Number(name.stats.mode & 0o7777n) !== entry.mode) return false;
    return entry.kind === 'directory' || isSameFile(name, entry);
  };
  const isSameFile = async (name: WalkedName, entry: FileEntry): Promise<boolean> => {
    const hint = toHint(name.stats);
    const isHinted = scrutiny === 'hints' && known.hints.get(name.path) === hint;
    const holds = isHinted || scrutiny === 'names';
    if (name.stats.size !== BigInt(entry.sizeBytes)) return false;
    if (!holds && (await digestOf(name)) !== entry.digest) return false;
    if (holds || isSettled(name.stats, startedNs)) hints.set(name.path, hint);
    return true;
  };
  await walkTree(root, async (name) => {
    seen += 1;
    isSame = isSame && (await isAsExpected(name));
    return isSame ? undefined : 'skip';
  });
  return isSame && seen === known.entries.length ? { ...known, hints } : null;
}

function hasKind({ stats }: WalkedName, kind: 'directory' | 'file' | 'link'): boolean {
  if (kind === 'directory') return stats.isDirectory();
  return kind === 'file' ? stats.isFile() : stats.isSymbolicLink();
}

async function digestOf(name: WalkedName): Promise<string> {
  const opened = openNoFollow(name.at, name.stats);
  const hash = createHash('sha256');
  const bytes = Buffer.allocUnsafe(262_144);
  const pace = createPace();
  try {
    for (;;) {
      await pace();
      const count = readSync(opened.fd, bytes, 0, bytes.length, null);
      if (count === 0) return hash.digest('hex');
      hash.update(bytes.subarray(0, count));
    }
  } finally {
    opened.close();
  }
}

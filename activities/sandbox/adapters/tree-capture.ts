import { type BigIntStats, chmodSync, fstatSync, readSync, renameSync, unlinkSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { digestBytes } from '../../storage/encoding.ts';
import { maxPathBytes, maxPathDepth, type TreeBounds } from '../tree/tree-safety.ts';
import type { Capture, KnownTree, LeftOut } from '../driver.ts';
import { type Contents, maxBlobBytes, type Piece } from '../tree/tree-store.ts';
import { type ByteText, comparePaths, digestTree, type FileEntry, formatTree, type TreeEntry } from '../tree/tree.ts';
import { type ContentWriter, createContentWriter, maxPackedBytes } from './content-writer.ts';
import { splitTwin } from './hard-links.ts';
import { openNoFollow, readTarget, type WalkedName, walkTree } from './tree-walk.ts';

/** What {@link captureTree} needs. */
export interface CaptureOptions {
  /** The workspace; no process may be changing it. */
  readonly root: string;
  /** A directory on the same file system for what is taken out of the workspace; not inside it. */
  readonly trash: string;
  readonly known: KnownTree;
  readonly bounds: TreeBounds;
  readonly putBlob: (bytes: Uint8Array) => Promise<string>;
}

/** Packs beyond what their bytes need; above it, small files are packed anew, so that a restore never reads hundreds of blobs. */
const sparePacks = 32;

/** Longer than a tick of any file system's clock. */
const racyNs = 20_000_000n;

/** Looks at a workspace, and puts every content that is not in the store yet. */
export async function captureTree(options: CaptureOptions): Promise<Capture> {
  const { known } = options;
  const isScattered = countPacks(known.contents) > sparePacks;
  const writer = createContentWriter({
    known: isScattered ? keepLarge(known.contents) : known.contents,
    putBlob: options.putBlob,
  });
  const look = createLook(options, {
    writer,
    entries: byPath(known.entries),
    startedNs: BigInt(Date.now()) * 1_000_000n,
  });
  await walkTree(options.root, look.visit);
  if (look.excess() !== null) return { kind: 'excess', what: look.excess() ?? '' };
  const contents = await writer.finish();
  const entries = look.entries.toSorted(comparePaths);
  const digest = entries.length === 0 ? null : digestTree(formatTree(entries));
  const { modifiedMs, hints, leftOut } = look;
  return { kind: 'tree', leftOut, tree: { digest, entries, modifiedMs, hints, contents: keepLive(contents, entries) } };
}

interface Look {
  readonly visit: (name: WalkedName) => 'skip' | undefined | Promise<'skip' | undefined>;
  readonly entries: TreeEntry[];
  readonly modifiedMs: Map<ByteText, number>;
  readonly hints: Map<ByteText, string>;
  readonly leftOut: LeftOut[];
  readonly excess: () => string | null;
}

function createLook(
  options: CaptureOptions,
  before: { writer: ContentWriter; entries: ReadonlyMap<ByteText, TreeEntry>; startedNs: bigint },
): Look {
  const { bounds, known } = options;
  const entries: TreeEntry[] = [];
  const modifiedMs = new Map<ByteText, number>();
  const hints = new Map<ByteText, string>();
  const leftOut: LeftOut[] = [];
  let bytes = 0;
  let names = 0;
  const excess = (): string | null => {
    if (names > bounds.entries) return `the workspace holds more than ${bounds.entries} files`;
    return bytes > bounds.bytes ? `the files of the workspace have more than ${bounds.bytes} bytes` : null;
  };
  const takeFile = async (name: WalkedName): Promise<undefined> => {
    const earlier = before.entries.get(name.path);
    const isSame = earlier?.kind === 'file' && known.hints.get(name.path) === toHint(name.stats);
    if (isSame && before.writer.has(earlier.digest)) {
      entries.push(earlier);
      hints.set(name.path, toHint(name.stats));
      modifiedMs.set(name.path, Number(name.stats.mtimeMs));
      return;
    }
    entries.push(await readFileEntry(name, before.writer));
    modifiedMs.set(name.path, Number(name.stats.mtimeMs));
    if (isSettled(name.stats, before.startedNs)) hints.set(name.path, toHint(name.stats));
  };
  const visit = (name: WalkedName): 'skip' | undefined | Promise<'skip' | undefined> => {
    const why = whyLeftOut(name);
    if (why !== null) {
      leftOut.push({ path: name.path, why });
      takeOut(name, options.trash);
      return 'skip';
    }
    names += 1;
    if (name.stats.isFile()) bytes += Number(name.stats.size);
    if (excess() !== null) return 'skip';
    if (name.stats.isFile()) return takeFile(splitTwin(name, options.trash));
    entries.push(name.stats.isDirectory() ? takeDirectory(name) : takeLink(name));
    if (name.stats.isDirectory()) modifiedMs.set(name.path, Number(name.stats.mtimeMs));
    return undefined;
  };
  return { visit, entries, modifiedMs, hints, leftOut, excess };
}

function whyLeftOut({ path, stats }: WalkedName): string | null {
  if (path.length > maxPathBytes) return `its path has more than ${maxPathBytes} bytes`;
  if (path.split('/').length > maxPathDepth) return `it lies deeper than ${maxPathDepth} directories`;
  if (stats.isDirectory() || stats.isSymbolicLink()) return null;
  if (stats.isFile()) return (stats.mode & 0o7000n) === 0n ? null : 'a file with setuid, setgid or sticky bit';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Into the trash, where it is removed as a whole: a deep directory too. */
function takeOut({ at, stats }: WalkedName, trash: string): void {
  if (stats.isDirectory()) renameSync(at, join(trash, randomBytes(8).toString('hex')));
  else unlinkSync(at);
}

function takeDirectory({ at, path, stats }: WalkedName): TreeEntry {
  const mode = Number(stats.mode & 0o777n);
  if ((stats.mode & 0o7000n) !== 0n) chmodSync(at, mode);
  return { kind: 'directory', path, mode };
}

function takeLink(name: WalkedName): TreeEntry {
  return { kind: 'link', path: name.path, target: readTarget(name) };
}

async function readFileEntry(name: WalkedName, writer: ContentWriter): Promise<FileEntry> {
  const opened = openNoFollow(name.at, name.stats);
  try {
    const first = readFully(opened.fd);
    const isSmall = first.length <= maxPackedBytes;
    const content = isSmall ? await takeSmall(first, writer) : await takeLarge(opened.fd, first, writer);
    return { kind: 'file', path: name.path, mode: Number(name.stats.mode & 0o777n), ...content };
  } finally {
    opened.close();
  }
}

async function takeSmall(bytes: Buffer, writer: ContentWriter): Promise<{ digest: string; sizeBytes: number }> {
  const digest = digestBytes(bytes);
  if (!writer.has(digest)) await writer.add(digest, bytes);
  return { digest, sizeBytes: bytes.length };
}

async function takeLarge(
  fd: number,
  first: Buffer,
  writer: ContentWriter,
): Promise<{ digest: string; sizeBytes: number }> {
  const hash = createHash('sha256');
  const pieces: Piece[] = [];
  let sizeBytes = 0;
  for (let part = first; part.length > 0; part = readFully(fd)) {
    hash.update(part);
    pieces.push(await writer.addPart(part));
    sizeBytes += part.length;
  }
  const digest = hash.digest('hex');
  writer.name(digest, pieces);
  return { digest, sizeBytes };
}

/** The next bytes of a file: a whole blob of them, fewer only at its end. */
function readFully(fd: number): Buffer {
  const size = Math.min(maxBlobBytes, Number(fstatSync(fd, { bigint: true }).size) + 1);
  const bytes = Buffer.allocUnsafe(size);
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(fd, bytes, filled, bytes.length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** May the hint be trusted? Not when the file was changed within the tick of the clock in which it is read. */
export function isSettled(stats: BigIntStats, startedNs: bigint): boolean {
  return stats.ctimeNs < startedNs - racyNs;
}

/** What changes whenever a file's bytes do: a program can set a file's time back, but not the time of that change. */
export function toHint(stats: BigIntStats): string {
  return `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.mode & 0o7777n}`;
}

function byPath(entries: readonly TreeEntry[]): Map<ByteText, TreeEntry> {
  return new Map(entries.map((entry) => [entry.path, entry]));
}

/** Only what the tree holds: contents of files that are gone are forgotten. */
function keepLive(contents: Contents, entries: readonly TreeEntry[]): Contents {
  const live = new Map<string, readonly Piece[]>();
  for (const entry of entries) {
    if (entry.kind === 'file') live.set(entry.digest, contents.get(entry.digest) ?? []);
  }
  return live;
}

function isLarge(pieces: readonly Piece[]): boolean {
  return pieces.reduce((sum, piece) => sum + piece.length, 0) > maxPackedBytes;
}

function keepLarge(contents: Contents): Contents {
  return new Map([...contents].filter(([, pieces]) => isLarge(pieces)));
}

/** Packs that small files lie in, beyond the number that their bytes need. */
function countPacks(contents: Contents): number {
  const packs = new Set<string>();
  let bytes = 0;
  for (const pieces of contents.values()) {
    if (isLarge(pieces)) continue;
    for (const piece of pieces) {
      packs.add(piece.blob);
      bytes += piece.length;
    }
  }
  return packs.size - Math.ceil(bytes / maxBlobBytes);
}

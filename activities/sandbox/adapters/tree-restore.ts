import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  mkdirSync,
  openSync,
  readSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import pLimit from 'p-limit';
import { AppError } from '../../../domain/errors.ts';
import { digestBytes } from '../../storage/encoding.ts';
import type { Piece, StoredTree } from '../tree/tree-store.ts';
import { type ByteText, type FileEntry, toDisplay, type TreeEntry } from '../tree/tree.ts';
import { createPace } from './pace.ts';

/** A link that is to be made. */
export type LinkEntry = Extract<TreeEntry, { kind: 'link' }>;

export interface RestoreOptions {
  /** An empty directory that nothing else writes to. */
  readonly root: string;
  readonly tree: StoredTree;
  /** Whom the files are to belong to; null for the worker itself. */
  readonly uid: number | null;
  readonly getBlob: (digest: string) => Promise<Buffer>;
  /** Makes links inside the box, where they lead nowhere else. Called once all files and directories are there. */
  readonly makeLinks: (links: readonly LinkEntry[]) => Promise<void>;
}

const blobsAtOnce = 8;

/**
 * Makes a tree in an empty directory: directories and files by the host, every one under a name that was not there before; links
 * in the box; modes of directories last.
 *
 * @throws AppError `Storage.Corrupt` naming the file whose bytes are not those of its digest; `Sandbox.SnapshotUnsafe` naming the
 *   entry whose name the file system takes for another one's
 */
export async function restoreTree(options: RestoreOptions): Promise<void> {
  const { root, tree, uid } = options;
  const place: Place = { at: (path) => Buffer.from(`${toBytes(root)}/${path}`, 'latin1'), uid, tree };
  const directories = tree.entries.filter((entry) => entry.kind === 'directory');
  const files = tree.entries.filter((entry) => entry.kind === 'file');
  const links = tree.entries.filter((entry) => entry.kind === 'link');
  const pace = createPace();
  for (const { path } of directories) {
    exclusively(path, () => mkdirSync(place.at(path), { mode: 0o700 }));
    if (uid !== null) chownSync(place.at(path), uid, uid);
    await pace();
  }
  const parted = files.filter((file) => piecesOf(tree, file).length !== 1);
  for (const file of parted) closeSync(create(place, file.path));
  await writePieces(options, place, files);
  for (const file of parted) {
    await checkFile(place, file);
    finish(place, file);
  }
  if (links.length > 0) await options.makeLinks(links);
  for (const { path, mode } of directories.toReversed()) {
    setTime(place, path);
    chmodSync(place.at(path), mode);
    await pace();
  }
}

interface Place {
  readonly at: (path: ByteText) => Buffer;
  readonly uid: number | null;
  readonly tree: StoredTree;
}

interface PlacedPiece {
  readonly file: FileEntry;
  readonly piece: Piece;
  /** Where in the file. */
  readonly position: number;
  readonly isWhole: boolean;
}

/** Reads each blob once and writes it wherever the tree has it. */
async function writePieces(options: RestoreOptions, place: Place, files: readonly FileEntry[]): Promise<void> {
  const byBlob = Map.groupBy(
    files.flatMap((file) => placePieces(file, piecesOf(place.tree, file))),
    ({ piece }) => piece.blob,
  );
  const limit = pLimit(blobsAtOnce);
  const writeBlob = async (digest: string, placed: readonly PlacedPiece[]): Promise<void> => {
    const bytes = await options.getBlob(digest);
    const pace = createPace();
    for (const item of placed) {
      writePiece(place, item, bytes.subarray(item.piece.offset, item.piece.offset + item.piece.length));
      await pace();
    }
  };
  await Promise.all([...byBlob].map(([digest, placed]) => limit(() => writeBlob(digest, placed))));
}

function placePieces(file: FileEntry, pieces: readonly Piece[]): PlacedPiece[] {
  let position = 0;
  return pieces.map((piece) => {
    const placed = { file, piece, position, isWhole: pieces.length === 1 };
    position += piece.length;
    return placed;
  });
}

function writePiece(place: Place, { file, position, isWhole }: PlacedPiece, bytes: Buffer): void {
  if (isWhole) check(file, { digest: digestBytes(bytes), sizeBytes: bytes.length });
  const fd = isWhole
    ? create(place, file.path)
    : openSync(place.at(file.path), constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  } finally {
    closeSync(fd);
  }
  if (isWhole) finish(place, file);
}

function create(place: Place, path: ByteText): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return exclusively(path, () => openSync(place.at(path), flags, 0o600));
}

function exclusively<Value>(path: ByteText, make: () => Value): Value {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    const name = JSON.stringify(toDisplay(path));
    throw new AppError('Sandbox.SnapshotUnsafe', {
      what: `${name} has the name of another entry on this host's file system`,
    });
  }
}

/** A file of several pieces, read back: the list of its pieces is not under the tree's digest, its bytes are. */
async function checkFile(place: Place, file: FileEntry): Promise<void> {
  const fd = openSync(place.at(file.path), constants.O_RDONLY | constants.O_NOFOLLOW);
  const hash = createHash('sha256');
  const bytes = Buffer.allocUnsafe(1_048_576);
  const pace = createPace();
  let sizeBytes = 0;
  try {
    for (;;) {
      const count = readSync(fd, bytes, 0, bytes.length, null);
      if (count === 0) break;
      hash.update(bytes.subarray(0, count));
      sizeBytes += count;
      await pace();
    }
  } finally {
    closeSync(fd);
  }
  check(file, { digest: hash.digest('hex'), sizeBytes });
}

function check(file: FileEntry, found: { readonly digest: string; readonly sizeBytes: number }): void {
  if (found.digest === file.digest && found.sizeBytes === file.sizeBytes) return;
  throw new AppError('Storage.Corrupt', {
    what: `the stored bytes of ${JSON.stringify(toDisplay(file.path))} are not those of the snapshot`,
  });
}

/** Owner, time and mode of a file that has all its bytes. */
function finish(place: Place, { path, mode }: FileEntry): void {
  const fd = openSync(place.at(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if (place.uid !== null) fchownSync(fd, place.uid, place.uid);
    const seconds = (place.tree.modifiedMs.get(path) ?? 0) / 1_000;
    futimesSync(fd, seconds, seconds);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function setTime(place: Place, path: ByteText): void {
  const seconds = (place.tree.modifiedMs.get(path) ?? 0) / 1_000;
  utimesSync(place.at(path), seconds, seconds);
}

function piecesOf(tree: StoredTree, file: FileEntry): readonly Piece[] {
  return tree.contents.get(file.digest) ?? [];
}

function toBytes(path: string): ByteText {
  return Buffer.from(path, 'utf8').toString('latin1');
}

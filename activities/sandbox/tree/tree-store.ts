import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import { digestSchema } from '../../../domain/ids.ts';
import type { BlobStore } from '../../storage/blob-store.ts';
import { compress, decompress, parseStored } from '../../storage/encoding.ts';
import { keys } from '../../storage/keys.ts';
import type { ObjectStore } from '../../storage/ports.ts';
import { readSafeTree, type TreeBounds } from './tree-safety.ts';
import { type ByteText, digestTree, type FileEntry, formatTree, type TreeEntry } from './tree.ts';

/** Most bytes of one blob: what is held in memory at a time, and the unit in which a large file is stored again. */
export const maxBlobBytes = 4 * 1024 * 1024;

/** A part of a file, as a part of a blob. */
export interface Piece {
  readonly blob: string;
  readonly offset: number;
  readonly length: number;
}

/** Where contents are, by their digest: the pieces of one content follow each other. */
export type Contents = ReadonlyMap<string, readonly Piece[]>;

/** A tree with all that it takes to make it again. */
export interface StoredTree {
  /** In the order of paths. */
  readonly entries: readonly TreeEntry[];
  readonly contents: Contents;
  /** Times of change of files and directories, in milliseconds since the epoch; not part of the tree's name. */
  readonly modifiedMs: ReadonlyMap<ByteText, number>;
}

/**
 * Trees by their digest, and the blobs that hold their files.
 *
 * *Contract:* `put` resolves once the tree can be read by everybody; its blobs must have been put before. What `get` returns is
 * safe to be made on this host; whoever makes it checks each file against its digest.
 */
export interface TreeStore {
  /** Returns the tree's digest. A tree that is there is kept, a damaged one is written over. */
  readonly put: (tenant: string, tree: StoredTree) => Promise<string>;
  /** @throws AppError `Storage.Missing`, `Storage.Corrupt` or `Sandbox.SnapshotUnsafe` */
  readonly get: (tenant: string, digest: string, bounds: TreeBounds) => Promise<StoredTree>;
  readonly putBlob: (tenant: string, bytes: Uint8Array) => Promise<string>;
  readonly getBlob: (tenant: string, digest: string) => Promise<Buffer>;
}

const storedSchema = z.strictObject({
  schemaVersion: z.literal(1),
  tree: z.string(),
  blobs: z.array(digestSchema),
  /** One list a distinct content, in the order in which files first have it: blob, offset, length, and so on. */
  pieces: z.array(z.array(z.int().min(0))),
  /** One an entry; 0 for links. */
  modifiedMs: z.array(z.int()),
});
type Stored = z.infer<typeof storedSchema>;

/** Trees over an object store. */
export function createTreeStore(ports: { readonly objects: ObjectStore; readonly blobs: BlobStore }): TreeStore {
  const { objects, blobs } = ports;
  return {
    putBlob: async (tenant, bytes) => blobs.put(tenant, bytes),
    getBlob: async (tenant, digest) => blobs.get(tenant, digest),
    put: async (tenant, tree) => {
      const text = formatTree(tree.entries);
      const digest = digestTree(text);
      const key = keys.tree(tenant, digest);
      const packed = compress(JSON.stringify(toStored(tree, text)));
      if (await objects.putIfAbsent(key, packed)) return digest;
      const standing = await objects.get(key);
      if (standing === null || !isIntact(standing.bytes, key, digest)) await objects.put(key, packed);
      return digest;
    },
    get: async (tenant, digest, bounds) => {
      const key = keys.tree(tenant, digest);
      const found = await objects.get(key);
      if (found === null) {
        throw new AppError('Storage.Missing', { what: `tree ${digest} of tenant ${tenant} is not in the store` });
      }
      const stored = open(found.bytes, key);
      if (digestTree(stored.tree) !== digest) throw corrupt(key, 'is another tree than its name says');
      return fromStored(stored, key, bounds);
    },
  };
}

function open(bytes: Uint8Array, key: string): Stored {
  return parseStored(decompress(bytes, key).toString('utf8'), key, storedSchema);
}

function isIntact(bytes: Uint8Array, key: string, digest: string): boolean {
  try {
    return digestTree(open(bytes, key).tree) === digest;
  } catch {
    return false;
  }
}

function toStored(tree: StoredTree, text: string): Stored {
  const blobs = new Map<string, number>();
  const indexOf = (blob: string): number => {
    const index = blobs.get(blob) ?? blobs.size;
    blobs.set(blob, index);
    return index;
  };
  const pieces = distinctFiles(tree.entries).map((file) =>
    (tree.contents.get(file.digest) ?? missingContent(file)).flatMap((piece) => [
      indexOf(piece.blob),
      piece.offset,
      piece.length,
    ]),
  );
  const modifiedMs = tree.entries.map((entry) => tree.modifiedMs.get(entry.path) ?? 0);
  return { schemaVersion: 1, tree: text, blobs: [...blobs.keys()], pieces, modifiedMs };
}

function fromStored(stored: Stored, key: string, bounds: TreeBounds): StoredTree {
  const entries = readSafeTree(stored.tree, bounds);
  const files = distinctFiles(entries);
  if (files.length !== stored.pieces.length || entries.length !== stored.modifiedMs.length) {
    throw corrupt(key, 'does not say where each of its files is');
  }
  const contents = new Map(
    files.map((file, index) => [file.digest, toPieces(file, stored.pieces[index] ?? [], { stored, key })]),
  );
  const modifiedMs = new Map(entries.map((entry, index) => [entry.path, stored.modifiedMs[index] ?? 0]));
  return { entries, contents, modifiedMs };
}

function toPieces(file: FileEntry, numbers: readonly number[], from: { stored: Stored; key: string }): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < numbers.length; at += 3) {
    const [index = -1, offset = 0, length = 0] = numbers.slice(at, at + 3);
    const blob = from.stored.blobs[index];
    if (blob === undefined || length < 1 || offset + length > maxBlobBytes) {
      throw corrupt(from.key, 'has a piece that lies in no blob');
    }
    pieces.push({ blob, offset, length });
  }
  const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (bytes !== file.sizeBytes) throw corrupt(from.key, 'has pieces of another length than their file');
  return pieces;
}

/** The first file of each content. */
function distinctFiles(entries: readonly TreeEntry[]): FileEntry[] {
  const files = new Map<string, FileEntry>();
  for (const entry of entries) if (entry.kind === 'file' && !files.has(entry.digest)) files.set(entry.digest, entry);
  return [...files.values()];
}

function missingContent(file: FileEntry): never {
  throw new AppError('Internal.Bug', { what: `no blob was put for content ${file.digest} of a tree` });
}

function corrupt(key: string, what: string): AppError {
  return new AppError('Storage.Corrupt', { what: `object ${key} ${what}` });
}

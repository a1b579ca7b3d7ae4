import { createHash } from 'node:crypto';
import { AppError } from '../../../domain/errors.ts';
import type { Piece, StoredTree, TreeStore } from './tree-store.ts';
import { type ByteText, type FileEntry, toByteText, toDisplay, type TreeEntry } from './tree.ts';

/** Where a workspace stands in its box. */
const home = '/home/user';
const homeDepth = 2;

/** Links that one path may lead through. Source: Linux, `MAXSYMLINKS`. */
const maxLinks = 40;

/** What a path leads to in a tree. */
export type Found =
  | { readonly kind: 'file'; readonly file: FileEntry }
  | { readonly kind: 'directory' }
  | { readonly kind: 'nothing' }
  /** Out of the workspace, whose files alone are kept. */
  | { readonly kind: 'outside' };

/** Follows a path, absolute or from the home, through the links of a tree; nothing on a host is touched. */
export function findInTree(entries: readonly TreeEntry[], path: string): Found {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const at = follow(byPath, toByteText(path.startsWith('/') ? path : `${home}/${path}`));
  if (at === null) return { kind: 'nothing' };
  if (!isInside(at)) return { kind: 'outside' };
  const entry = entryAt(byPath, at);
  if (entry?.kind === 'file') return { kind: 'file', file: entry };
  return entry === undefined && at.length > homeDepth ? { kind: 'nothing' } : { kind: 'directory' };
}

/** Where a path ends, name by name; null when it goes on below a file, or round and round. */
function follow(byPath: ReadonlyMap<ByteText, TreeEntry>, path: ByteText): ByteText[] | null {
  let rest = segmentsOf(path);
  let at: ByteText[] = [];
  for (let links = 0; rest.length > 0 && links <= maxLinks;) {
    const [segment = '', ...others] = rest;
    rest = others;
    at = segment === '..' ? at.slice(0, -1) : [...at, segment];
    const entry = entryAt(byPath, at);
    if (entry?.kind === 'file' && rest.length > 0) return null;
    if (entry?.kind !== 'link') continue;
    links += 1;
    at = entry.target.startsWith('/') ? [] : at.slice(0, -1);
    rest = [...segmentsOf(entry.target), ...rest];
  }
  return rest.length === 0 ? at : null;
}

function isInside(at: readonly ByteText[]): boolean {
  return at.length >= homeDepth && `/${at.slice(0, homeDepth).join('/')}` === home;
}

function entryAt(byPath: ReadonlyMap<ByteText, TreeEntry>, at: readonly ByteText[]): TreeEntry | undefined {
  return isInside(at) ? byPath.get(at.slice(homeDepth).join('/')) : undefined;
}

function segmentsOf(path: ByteText): ByteText[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '.');
}

/**
 * The bytes of a file of a tree, in parts.
 *
 * *Contract:* the last part comes only after the whole was found to be what the tree says.
 * @throws AppError `Storage.Missing` or `Storage.Corrupt` that names the file
 */
export async function* readTreeFile(
  trees: Pick<TreeStore, 'getBlob'>,
  from: { readonly tenant: string; readonly tree: StoredTree; readonly file: FileEntry },
): AsyncGenerator<Uint8Array> {
  const { tenant, tree, file } = from;
  const hash = createHash('sha256');
  let held: Uint8Array | null = null;
  for (const piece of tree.contents.get(file.digest) ?? []) {
    if (held !== null) yield held;
    held = cutPiece(await trees.getBlob(tenant, piece.blob), piece);
    hash.update(held);
  }
  if (hash.digest('hex') !== file.digest) {
    throw new AppError('Storage.Corrupt', {
      what: `the stored bytes of ${JSON.stringify(toDisplay(file.path))} are not those of its tree`,
    });
  }
  if (held !== null) yield held;
}

function cutPiece(blob: Buffer, piece: Piece): Buffer {
  return blob.subarray(piece.offset, piece.offset + piece.length);
}

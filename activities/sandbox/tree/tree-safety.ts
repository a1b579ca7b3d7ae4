import { AppError } from '../../../domain/errors.ts';
import { type ByteText, parseTree, toDisplay, type TreeEntry } from './tree.ts';

/** What a tree may hold at most; a workspace that is larger is rolled back before it is kept. */
export interface TreeBounds {
  readonly entries: number;
  /** Sum of all file sizes, holes counted. */
  readonly bytes: number;
}

/** Longest path and deepest name that is kept. Shorter than Linux's own limits, so that a host's prefix fits before it. */
export const maxPathBytes = 3_000;
export const maxPathDepth = 128;
const maxNameBytes = 255;
const maxTargetBytes = 4_095;

/** Entries that a refusal names. */
const maxNamed = 10;

/**
 * Reads the text of a tree that is about to be made on this host. Whoever wrote it is not trusted: every entry must lie inside
 * the workspace, in a directory of the same tree, under a name of its own.
 *
 * @throws AppError `Storage.Corrupt` when the text is no tree, `Sandbox.SnapshotUnsafe` naming each entry that is refused
 */
export function readSafeTree(text: string, bounds: TreeBounds): TreeEntry[] {
  const parsed = parseTree(text);
  if ('badLine' in parsed) {
    throw new AppError('Storage.Corrupt', { what: `a snapshot has a line that no tree has: ${quote(parsed.badLine)}` });
  }
  const { entries } = parsed;
  const refused = [...refuseSizes(entries, bounds), ...refuseEntries(entries)];
  if (refused.length === 0) return entries;
  const more = refused.length > maxNamed ? ` and ${refused.length - maxNamed} more` : '';
  throw new AppError('Sandbox.SnapshotUnsafe', {
    what: `${refused.slice(0, maxNamed).join('; ')}${more}`,
    mend: 'Nothing of it was restored. Fork before the step that wrote it.',
  });
}

function refuseSizes(entries: readonly TreeEntry[], bounds: TreeBounds): string[] {
  const refused: string[] = [];
  if (entries.length > bounds.entries) refused.push(`${entries.length} entries, at most ${bounds.entries} are allowed`);
  const bytes = entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.sizeBytes : 0), 0);
  if (bytes > bounds.bytes) refused.push(`${bytes} bytes, at most ${bounds.bytes} are allowed`);
  return refused;
}

function refuseEntries(entries: readonly TreeEntry[]): string[] {
  const refused: string[] = [];
  const directories = new Set<ByteText>(['']);
  let before: ByteText = '';
  for (const entry of entries) {
    const why = refusePath(entry.path) ?? refusePlace(entry, { before, directories }) ?? refuseTarget(entry);
    if (why !== null) refused.push(`${quote(toDisplay(entry.path))} ${why}`);
    if (entry.kind === 'directory') directories.add(entry.path);
    before = entry.path;
  }
  return refused;
}

function refusePath(path: ByteText): string | null {
  if (path.length > maxPathBytes) return `is longer than ${maxPathBytes} bytes`;
  const names = path.split('/');
  if (names.length > maxPathDepth) return `is deeper than ${maxPathDepth} directories`;
  if (names.some((name) => name === '' || name === '.' || name === '..')) return 'leads out of the workspace';
  if (path.includes('\0')) return 'holds a zero byte';
  if (names.some((name) => name.length > maxNameBytes)) return `has a name of more than ${maxNameBytes} bytes`;
  return null;
}

function refusePlace(
  { path }: TreeEntry,
  known: { readonly before: ByteText; readonly directories: ReadonlySet<ByteText> },
): string | null {
  if (path === known.before) return 'is there twice';
  if (path < known.before) return 'is out of order';
  const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  return known.directories.has(parent) ? null : 'is not in a directory of the tree';
}

function refuseTarget(entry: TreeEntry): string | null {
  if (entry.kind !== 'link') return null;
  if (entry.target.length > maxTargetBytes) return `links to more than ${maxTargetBytes} bytes`;
  return entry.target.includes('\0') ? 'links to a text with a zero byte' : null;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

import { digestBytes } from '../../storage/encoding.ts';

/**
 * A name, path or link text as Linux has it: bytes, one character (U+0000 to U+00FF) a byte. They need not be UTF-8, and the
 * order of such strings is the order of their bytes.
 */
export type ByteText = string;

/** One name of a workspace, by its path from the workspace's root. Kinds that are not here are never kept. */
export type TreeEntry =
  | { readonly kind: 'directory'; readonly path: ByteText; readonly mode: number }
  | {
      readonly kind: 'file';
      readonly path: ByteText;
      readonly mode: number;
      readonly sizeBytes: number;
      /** SHA-256 of the file's bytes. */
      readonly digest: string;
    }
  | { readonly kind: 'link'; readonly path: ByteText; readonly target: ByteText };

/** An entry that is a file. */
export type FileEntry = Extract<TreeEntry, { kind: 'file' }>;

const header = 'longhaul/tree/v1';

/**
 * The canonical text of a tree: one line an entry in the order of paths, nothing about times, owners, inodes or the host.
 *
 * Equal trees have equal texts, wherever and however they came to be.
 */
export function formatTree(entries: readonly TreeEntry[]): string {
  return [header, ...entries.map(toLine), ''].join('\n');
}

function toLine(entry: TreeEntry): string {
  const path = escape(entry.path);
  if (entry.kind === 'directory') return `d ${toOctal(entry.mode)} ${path}`;
  if (entry.kind === 'link') return `l ${escape(entry.target)} ${path}`;
  return `f ${toOctal(entry.mode)} ${entry.sizeBytes} ${entry.digest} ${path}`;
}

/** The name of a tree: SHA-256 of its canonical text. */
export function digestTree(text: string): string {
  return digestBytes(text);
}

const lines = {
  d: /^d ([0-7]{3}) (\S+)$/,
  f: /^f ([0-7]{3}) (0|[1-9][0-9]{0,15}) ([0-9a-f]{64}) (\S+)$/,
  l: /^l (\S+) (\S+)$/,
} as const;

/** Reads what {@link formatTree} wrote; null, with the first line that is not of the format, for any other text. */
export function parseTree(text: string): { readonly entries: TreeEntry[] } | { readonly badLine: string } {
  const [first, ...rest] = text.split('\n');
  if (first !== header) return { badLine: first ?? '' };
  if (rest.pop() !== '') return { badLine: 'the text does not end with a line break' };
  const entries: TreeEntry[] = [];
  for (const line of rest) {
    const entry = parseLine(line);
    if (entry === null || toLine(entry) !== line) return { badLine: line };
    entries.push(entry);
  }
  return { entries };
}

function parseLine(line: string): TreeEntry | null {
  const directory = lines.d.exec(line);
  if (directory !== null) return { kind: 'directory', mode: fromOctal(directory[1]), path: unescape(directory[2]) };
  const file = lines.f.exec(line);
  if (file !== null) {
    const [, mode, size, digest = '', path] = file;
    return { kind: 'file', mode: fromOctal(mode), sizeBytes: Number(size), digest, path: unescape(path) };
  }
  const link = lines.l.exec(line);
  if (link !== null) return { kind: 'link', target: unescape(link[1]), path: unescape(link[2]) };
  return null;
}

/** Orders entries as {@link formatTree} wants them: by the bytes of their paths. */
export function comparePaths(left: { readonly path: ByteText }, right: { readonly path: ByteText }): number {
  if (left.path === right.path) return 0;
  return left.path < right.path ? -1 : 1;
}

/** What a person is shown of a name: UTF-8 where it is, control characters escaped. */
export function toDisplay(path: ByteText): string {
  return Buffer.from(path, 'latin1')
    .toString('utf8')
    .replaceAll(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Controls, line separators, and what turns the direction of writing.
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A text of ours as the bytes of its UTF-8. */
export function toByteText(text: string): ByteText {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function toOctal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}

function fromOctal(text = ''): number {
  return Number.parseInt(text, 8);
}

/** Printable ASCII without space and backslash stands for itself. */
function escape(text: ByteText): string {
  return text.replaceAll(
    /[^\u0021-\u005b\u005d-\u007e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function unescape(text = ''): ByteText {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

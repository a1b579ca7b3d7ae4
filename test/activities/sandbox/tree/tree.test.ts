import { describe, expect, it } from 'vitest';
import {
  comparePaths,
  digestTree,
  formatTree,
  parseTree,
  toByteText,
  toDisplay,
  type TreeEntry,
} from '../../../../activities/sandbox/tree/tree.ts';
import { digestText } from '../../../../domain/digest.ts';
import { createRandom } from '../../../support/random.ts';

const digest = digestText('a');

const aTree: TreeEntry[] = [
  { kind: 'directory', path: 'dir', mode: 0o755 },
  { kind: 'file', path: 'dir/a b\\c\n', mode: 0o600, sizeBytes: 12, digest },
  { kind: 'link', path: 'venv', target: '/usr/bin/python3' },
  { kind: 'file', path: toByteText('é'), mode: 0o7, sizeBytes: 0, digest },
];

describe('the text of a tree', () => {
  it('every kind of entry: one line each, bytes that are no plain text escaped', () => {
    expect(formatTree(aTree)).toBe(
      [
        'longhaul/tree/v1',
        'd 755 dir',
        `f 600 12 ${digest} dir/a\\x20b\\x5cc\\x0a`,
        'l /usr/bin/python3 venv',
        `f 007 0 ${digest} \\xc3\\xa9`,
        '',
      ].join('\n'),
    );
  });

  it('read back: the same entries', () => {
    expect(parseTree(formatTree(aTree))).toEqual({ entries: aTree });
  });

  it('names of any bytes, 500 trees of a seed: read back the same, in the order of their bytes', () => {
    const random = createRandom(7);
    for (let round = 0; round < 500; round += 1) {
      const name = () =>
        String.fromCharCode(...Array.from({ length: random.between(1, 6) }, () => random.between(1, 255)));
      const entries = [...new Set(Array.from({ length: 5 }, name))]
        .map((path): TreeEntry => ({ kind: 'link', path, target: name() }))
        .toSorted(comparePaths);
      expect(parseTree(formatTree(entries))).toEqual({ entries });
      const bytes = entries.map(({ path }) => Buffer.from(path, 'latin1'));
      expect(bytes).toEqual(bytes.toSorted((left, right) => Buffer.compare(left, right)));
    }
  });

  it.each([
    ['another header', 'longhaul/tree/v2\n'],
    ['no header', ''],
    ['no last line break', 'longhaul/tree/v1\nd 755 a'],
    ['an unknown kind', 'longhaul/tree/v1\nh 755 a\n'],
    ['a mode with setuid', 'longhaul/tree/v1\nd 4755 a\n'],
    ['a size with a leading zero', `longhaul/tree/v1\nf 644 01 ${digest} a\n`],
    ['a size beyond whole numbers', `longhaul/tree/v1\nf 644 99999999999999999 ${digest} a\n`],
    ['a short digest', 'longhaul/tree/v1\nf 644 1 abc a\n'],
    ['an escape that needs none', 'longhaul/tree/v1\nd 755 \\x61\n'],
    ['an escape in capitals', 'longhaul/tree/v1\nd 755 \\xC3\n'],
    ['a bare backslash', 'longhaul/tree/v1\nd 755 a\\b\n'],
    ['no path', 'longhaul/tree/v1\nd 755 \n'],
    ['a link without text', 'longhaul/tree/v1\nl  a\n'],
    ['a blank line', 'longhaul/tree/v1\n\n'],
  ])('%s: not a tree', (_name, text) => {
    expect(parseTree(text)).toHaveProperty('badLine');
  });

  it('one mode, byte, name or target changed: another digest', () => {
    const digests = new Set([
      digestTree(formatTree(aTree)),
      ...aTree.map((_, index) => {
        const changed = aTree.with(index, change(aTree[index]!));
        return digestTree(formatTree(changed));
      }),
      digestTree(formatTree(aTree.slice(1))),
    ]);
    expect(digests.size).toBe(aTree.length + 2);
  });
});

function change(entry: TreeEntry): TreeEntry {
  if (entry.kind === 'link') return { ...entry, target: `${entry.target}x` };
  return entry.kind === 'directory' ? { ...entry, mode: 0o700 } : { ...entry, sizeBytes: entry.sizeBytes + 1 };
}

describe('a name as people see it', () => {
  it.each([
    [toByteText('été 字'), 'été 字'],
    ['a\nb\u001b[31m', 'a\\u000ab\\u001b[31m'],
    [toByteText('a\u202eb'), 'a\\u202eb'],
    ['\xff', '\ufffd'],
  ])('%j → %j', (path, shown) => {
    expect(toDisplay(path)).toBe(shown);
  });
});

import { describe, expect, it } from 'vitest';
import { storeFile, toAttachment } from '../../../../activities/sandbox/tree/stored-file.ts';
import { findInTree, readTreeFile } from '../../../../activities/sandbox/tree/tree-file.ts';
import { createTreeStore } from '../../../../activities/sandbox/tree/tree-store.ts';
import type { TreeEntry } from '../../../../activities/sandbox/tree/tree.ts';
import { createBlobStore } from '../../../../activities/storage/blob-store.ts';
import { digestBytes } from '../../../../activities/storage/encoding.ts';
import { createMemoryObjectStore } from '../../../api/memory-object-store.ts';

const file = (path: string): TreeEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  sizeBytes: 0,
  digest: digestBytes(path),
});
const link = (path: string, target: string): TreeEntry => ({ kind: 'link', path, target });

const entries: TreeEntry[] = [
  link('absolute', '/home/user/d/f'),
  { kind: 'directory', path: 'd', mode: 0o755 },
  file('d/f'),
  link('d/up', '../top'),
  link('loop', 'loop'),
  link('out', '/etc'),
  link('to-d', 'd'),
  file('top'),
];

describe('a path in a tree', () => {
  it.each([
    ['top', 'top'],
    ['/home/user/top', 'top'],
    ['./d//f', 'd/f'],
    ['d/../top', 'top'],
    ['to-d/f', 'd/f'],
    ['to-d/up', 'top'],
    ['absolute', 'd/f'],
    ['../user/top', 'top'],
  ])('%s → the file %s', (path, found) => {
    expect(findInTree(entries, path)).toMatchObject({ kind: 'file', file: { path: found } });
  });

  it.each([
    ['', 'directory'],
    ['d', 'directory'],
    ['to-d', 'directory'],
    ['none', 'nothing'],
    ['top/x', 'nothing'],
    ['loop', 'nothing'],
    ['out/passwd', 'outside'],
    ['/etc/passwd', 'outside'],
    ['/tmp/x', 'outside'],
    ['..', 'outside'],
  ])('%j → %s', (path, kind) => {
    expect(findInTree(entries, path)).toEqual({ kind });
  });
});

async function* chunksOf(...sizes: number[]): AsyncGenerator<Uint8Array> {
  for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, `${index}`);
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}

function open() {
  const objects = createMemoryObjectStore();
  return { objects, trees: createTreeStore({ objects, blobs: createBlobStore(objects) }) };
}

describe('a stored file', () => {
  it.each([[[]], [[1]], [[5_000_000, 3, 4_000_000]], [[4_194_304]]])(
    'chunks of %j bytes: read back as they came',
    async (sizes) => {
      const { trees } = open();
      const stored = await storeFile(trees, 'default', { name: 'f', chunks: chunksOf(...sizes), maxBytes: 10_000_000 });
      const bytes = await read(await toAttachment(trees, 'default', stored).open());
      expect(bytes.equals(await read(chunksOf(...sizes)))).toBe(true);
      expect(stored.sizeBytes).toBe(bytes.length);
    },
  );

  it('more bytes than allowed: Input.TooLarge before the rest is taken', async () => {
    const { trees } = open();
    let taken = 0;
    const endless = async function* () {
      for (;;) {
        taken += 1_000_000;
        yield Buffer.alloc(1_000_000);
      }
    };
    const refused = storeFile(trees, 'default', { name: 'f', chunks: endless(), maxBytes: 6_000_000 });
    await expect(refused).rejects.toMatchObject({ type: 'Input.TooLarge' });
    expect(taken).toBeLessThan(10_000_000);
  });

  it.each(['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256)])('the name %j: Input.Invalid', async (name) => {
    const { trees } = open();
    const refused = storeFile(trees, 'default', { name, chunks: chunksOf(1), maxBytes: 10 });
    await expect(refused).rejects.toMatchObject({ type: 'Input.Invalid' });
  });

  it('bytes that are not those of its tree: Storage.Corrupt before the last part', async () => {
    const { trees } = open();
    const [blob, other] = [
      await trees.putBlob('default', Buffer.from('aa')),
      await trees.putBlob('default', Buffer.from('b')),
    ];
    const entry = { kind: 'file', path: 'f', mode: 0o644, sizeBytes: 3, digest: digestBytes('aac') } as const;
    const pieces = [
      { blob, offset: 0, length: 2 },
      { blob: other, offset: 0, length: 1 },
    ];
    const tree = { entries: [entry], contents: new Map([[entry.digest, pieces]]), modifiedMs: new Map() };
    const seen: string[] = [];
    const reading = (async () => {
      for await (const part of readTreeFile(trees, { tenant: 'default', tree, file: entry })) seen.push(String(part));
    })();
    await expect(reading).rejects.toMatchObject({ type: 'Storage.Corrupt' });
    expect(seen).toEqual(['aa']);
  });
});

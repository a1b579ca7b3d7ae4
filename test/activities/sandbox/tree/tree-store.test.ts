import { describe, expect, it } from 'vitest';
import { createTreeStore, type StoredTree } from '../../../../activities/sandbox/tree/tree-store.ts';
import { digestTree, formatTree, type TreeEntry } from '../../../../activities/sandbox/tree/tree.ts';
import { createBlobStore } from '../../../../activities/storage/blob-store.ts';
import { compress, decompress, digestBytes } from '../../../../activities/storage/encoding.ts';
import { keys } from '../../../../activities/storage/keys.ts';
import { createMemoryObjectStore } from '../../../api/memory-object-store.ts';

const tenant = 'default';
const bounds = { entries: 100, bytes: 1_000_000 };

function open() {
  const objects = createMemoryObjectStore();
  return { objects, trees: createTreeStore({ objects, blobs: createBlobStore(objects) }) };
}

const noTree: StoredTree = { entries: [], contents: new Map(), modifiedMs: new Map() };

/** A tree of one file, and its blob. */
async function aStoredTree({ trees }: ReturnType<typeof open>): Promise<StoredTree> {
  const bytes = Buffer.from('xxhello');
  const blob = await trees.putBlob(tenant, bytes);
  const digest = digestBytes('hello');
  return {
    entries: [
      { kind: 'directory', path: 'd', mode: 0o755 },
      { kind: 'file', path: 'd/f', mode: 0o644, sizeBytes: 5, digest },
    ],
    contents: new Map([[digest, [{ blob, offset: 2, length: 5 }]]]),
    modifiedMs: new Map([
      ['d', 5],
      ['d/f', 1_700_000_000_123],
    ]),
  };
}

/** A tree of these entries whose text is in the store under its digest, whatever it holds. */
async function plant(store: ReturnType<typeof open>, entries: readonly TreeEntry[]): Promise<string> {
  const text = formatTree(entries);
  const digest = digestTree(text);
  const files = new Set(entries.flatMap((entry) => (entry.kind === 'file' ? [entry.digest] : [])));
  const modifiedMs = entries.map(() => 0);
  const stored = { schemaVersion: 1, tree: text, blobs: [], pieces: [...files].map(() => []), modifiedMs };
  await store.objects.put(keys.tree(tenant, digest), compress(JSON.stringify(stored)));
  return digest;
}

describe('the tree store', () => {
  it('a tree: read back with its pieces and times, under the digest of its text', async () => {
    const store = open();
    const tree = await aStoredTree(store);
    const digest = await store.trees.put(tenant, tree);
    expect(digest).toBe(digestTree(formatTree(tree.entries)));
    expect(await store.trees.get(tenant, digest, bounds)).toEqual(tree);
  });

  it('the same tree again: nothing is written; a damaged one is written over', async () => {
    const store = open();
    const tree = await aStoredTree(store);
    const digest = await store.trees.put(tenant, tree);
    const key = keys.tree(tenant, digest);
    const standing = (await store.objects.get(key))!.bytes;
    await store.trees.put(tenant, { ...tree, modifiedMs: new Map() });
    expect((await store.objects.get(key))!.bytes).toEqual(standing);
    await store.objects.put(key, standing.slice(0, -3));
    await expect(store.trees.get(tenant, digest, bounds)).rejects.toMatchObject({ type: 'Storage.Corrupt' });
    await store.trees.put(tenant, tree);
    expect(await store.trees.get(tenant, digest, bounds)).toEqual(tree);
  });

  it('a tree that is not there: Storage.Missing with its digest', async () => {
    const { trees } = open();
    await expect(trees.get(tenant, digestBytes('x'), bounds)).rejects.toMatchObject({ type: 'Storage.Missing' });
  });

  it('another tree under its name, or pieces that do not fit: Storage.Corrupt', async () => {
    const store = open();
    const tree = await aStoredTree(store);
    const digest = await store.trees.put(tenant, tree);
    const key = keys.tree(tenant, digest);
    const good = (await store.objects.get(key))!.bytes;
    const stored: Record<string, unknown> = JSON.parse(decompress(good, key).toString());
    const bad = [
      { ...stored, tree: formatTree([]) },
      { ...stored, pieces: [] },
      { ...stored, pieces: [[0, 2, 4]] },
      { ...stored, pieces: [[1, 2, 5]] },
      { ...stored, pieces: [[0, 2]] },
      { ...stored, pieces: [[0, 4_194_302, 5]] },
      { ...stored, modifiedMs: [1] },
      { ...stored, schemaVersion: 2 },
      { ...stored, more: 1 },
    ];
    for (const change of bad) {
      await store.objects.put(key, compress(JSON.stringify(change)));
      await expect(store.trees.get(tenant, digest, bounds)).rejects.toMatchObject({ type: 'Storage.Corrupt' });
    }
  });

  it('an empty tree: stored like any other', async () => {
    const { trees } = open();
    expect(await trees.get(tenant, await trees.put(tenant, noTree), bounds)).toEqual(noTree);
  });
});

const link = (path: string, target = 'x'): TreeEntry => ({ kind: 'link', path, target });
const directory = (path: string): TreeEntry => ({ kind: 'directory', path, mode: 0o755 });
const file = (path: string, sizeBytes = 0): TreeEntry => ({
  kind: 'file',
  path,
  mode: 0o644,
  sizeBytes,
  digest: digestBytes(''),
});

describe('a tree that nobody should make', () => {
  it.each<[string, TreeEntry[], RegExp]>([
    ['climbs', [link('../x')], /"..\/x" leads out/],
    ['climbs within', [directory('a'), link('a/../b')], /leads out/],
    ['is absolute', [link('/etc/passwd')], /leads out/],
    ['is the workspace itself', [directory('.')], /leads out/],
    ['has an empty name', [directory('a'), link('a//b')], /leads out/],
    ['has a zero byte', [link('a\0b')], /zero byte/],
    ['lies in nothing', [file('a/b')], /not in a directory/],
    ['lies in a link', [link('a', '/etc'), file('a/passwd')], /"a\/passwd" is not in a directory/],
    ['lies in a file', [file('a'), file('a/b')], /not in a directory/],
    ['is there twice', [file('a'), link('a')], /"a" is there twice/],
    ['is out of order', [file('b'), file('a')], /out of order/],
    ['has a long name', [file('n'.repeat(256))], /name of more than 255/],
    ['is long', [file(`${'n'.repeat(250)}/`.repeat(13))], /longer than 3000/],
    ['is deep', [file('a/'.repeat(200))], /deeper than 128/],
    ['links to a zero byte', [link('a', 'x\0')], /zero byte/],
    ['links to a long text', [link('a', 'x'.repeat(4_096))], /links to more/],
    ['has too many entries', Array.from({ length: 101 }, (_, n) => file(`f${1_000 + n}`)), /101 entries/],
    ['is too large', [file('a', 600_000), file('b', 600_000)], /1200000 bytes/],
    ['is a sparse giant', [file('a', 4 * 2 ** 30)], /4294967296 bytes/],
  ])('an entry that %s: Sandbox.SnapshotUnsafe that names it', async (_name, entries, message) => {
    const store = open();
    const digest = await plant(store, entries);
    const refused = store.trees.get(tenant, digest, bounds);
    await expect(refused).rejects.toMatchObject({ type: 'Sandbox.SnapshotUnsafe' });
    await expect(refused).rejects.toThrow(message);
  });

  it('every bad entry is named, up to ten', async () => {
    const store = open();
    const digest = await plant(
      store,
      Array.from({ length: 12 }, (_, n) => link(`../${String(n).padStart(2, '0')}`)),
    );
    await expect(store.trees.get(tenant, digest, bounds)).rejects.toThrow(/"..\/00".*"..\/09" leads out.* and 2 more/);
  });
});

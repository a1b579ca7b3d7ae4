import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { symlinkSync } from 'node:fs';
import { captureTree } from '../../../activities/sandbox/adapters/tree-capture.ts';
import { restoreTree } from '../../../activities/sandbox/adapters/tree-restore.ts';
import { verifyTree } from '../../../activities/sandbox/adapters/tree-verify.ts';
import type { KnownTree, LeftOut } from '../../../activities/sandbox/driver.ts';
import { createTreeStore, type StoredTree } from '../../../activities/sandbox/tree/tree-store.ts';
import { createBlobStore } from '../../../activities/storage/blob-store.ts';
import { createMemoryObjectStore } from '../../api/memory-object-store.ts';

const noTree: KnownTree = {
  digest: null,
  entries: [],
  contents: new Map(),
  modifiedMs: new Map(),
  hints: new Map(),
};

const tenant = 'default';

/** A directory on the host and a store for its trees, without any box. */
export function aHostTree(bounds = { entries: 100_000, bytes: 1_000_000_000 }) {
  const base = mkdtempSync(join(tmpdir(), 'longhaul-tree-'));
  const [root, trash] = [join(base, 'work'), join(base, 'trash')];
  for (const path of [root, trash]) mkdirSync(path);
  const objects = createMemoryObjectStore();
  const trees = createTreeStore({ objects, blobs: createBlobStore(objects) });
  const putBytes: number[] = [];
  const putBlob = (bytes: Uint8Array) => {
    putBytes.push(bytes.length);
    return trees.putBlob(tenant, bytes);
  };
  const look = (known: KnownTree = noTree) => captureTree({ root, trash, known, bounds, putBlob });
  return {
    base,
    root,
    trash,
    objects,
    trees,
    /** Sizes of the blobs that were put since it was emptied. */
    putBytes,
    look,
    capture: async (known?: KnownTree): Promise<KnownTree & { leftOut: readonly LeftOut[] }> => {
      const captured = await look(known);
      if (captured.kind !== 'tree') throw new Error(captured.what);
      return { ...captured.tree, leftOut: captured.leftOut };
    },
    /** Makes the tree in a new directory, links by the host: nothing here comes from a box. */
    restore: async (tree: StoredTree, name = 'restored'): Promise<string> => {
      const restored = join(base, name);
      mkdirSync(restored);
      await restoreTree({
        root: restored,
        tree,
        uid: null,
        getBlob: (digest) => trees.getBlob(tenant, digest),
        makeLinks: async (links) => {
          for (const { path, target } of links) {
            symlinkSync(Buffer.from(target, 'latin1'), Buffer.from(`${restored}/${path}`, 'latin1'));
          }
        },
      });
      return restored;
    },
    verify: (known: KnownTree, scrutiny: 'bytes' | 'hints' | 'names' = 'hints', at = root) =>
      verifyTree({ root: at, known, scrutiny }),
    put: (tree: StoredTree) => trees.put(tenant, tree),
    get: (digest: string) => trees.get(tenant, digest, bounds),
    [Symbol.dispose]: () => {
      // Without root, what a test closed must be opened before it can be removed.
      execFileSync('/bin/chmod', ['-R', 'u+rwX', base]);
      rmSync(base, { recursive: true, force: true });
    },
  };
}

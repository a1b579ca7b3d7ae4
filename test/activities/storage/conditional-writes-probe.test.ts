import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { assertConditionalWrites } from '../../../activities/storage/conditional-writes-probe.ts';
import type { ObjectStore } from '../../../activities/storage/ports.ts';

async function createStore(): Promise<ObjectStore> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-probe-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return createDirectoryStore({ directory });
}

/** What a server may do wrong, made of a right one. */
const wrongs: readonly {
  readonly name: string;
  readonly spoil: (store: ObjectStore) => Partial<ObjectStore>;
  readonly says: RegExp;
}[] = [
  {
    name: 'put if absent always writes and says so',
    spoil: (store) => ({ putIfAbsent: async (key, bytes) => (await store.put(key, bytes), true) }),
    says: /ignores If-None-Match/,
  },
  {
    name: 'put if absent writes and says that it did not',
    spoil: (store) => ({
      putIfAbsent: async (key, bytes) => {
        const absent = (await store.head(key)) === null;
        await store.put(key, bytes);
        return absent;
      },
    }),
    says: /holds other bytes/,
  },
  {
    name: 'put if absent never writes',
    spoil: () => ({ putIfAbsent: async () => false }),
    says: /does not write an absent key/,
  },
  {
    name: 'put if absent looks first and writes after',
    spoil: (store) => ({
      putIfAbsent: async (key, bytes) => {
        if ((await store.head(key)) !== null) return false;
        await store.put(key, bytes);
        return true;
      },
    }),
    says: /not atomic: [2-8] of 8/,
  },
  {
    name: 'swap always writes',
    spoil: (store) => ({
      compareAndSwap: async (key, bytes) => {
        await store.put(key, bytes);
        return (await store.head(key))?.etag ?? null;
      },
    }),
    says: /ignores If-Match/,
  },
  { name: 'swap never writes', spoil: () => ({ compareAndSwap: async () => null }), says: /still has the tag/ },
];

describe('assertConditionalWrites', () => {
  it('a store that keeps the conditions → passes and leaves nothing', async () => {
    const store = await createStore();
    await assertConditionalWrites(store);
    expect(await store.list('')).toEqual([]);
  });

  it.each(wrongs)('$name → Config.Invalid, and leaves nothing', async ({ spoil, says }) => {
    const store = await createStore();
    const error: unknown = await assertConditionalWrites({ ...store, ...spoil(store) }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toEqual(expect.objectContaining({ type: 'Config.Invalid', message: expect.stringMatching(says) }));
    expect(await store.list('')).toEqual([]);
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ObjectStore } from '../../../activities/storage/ports.ts';
import { race } from './store-children.ts';
import { openStore, type StoreSpec } from './store-spec.ts';

/** A way in which a store can be away, and how it comes back. */
export interface Outage {
  readonly name: string;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
}

/** An empty store of its own for one case. */
export interface StoreFixture {
  readonly spec: StoreSpec;
  readonly outages: readonly Outage[];
}

interface Case {
  readonly name: string;
  readonly run: (store: ObjectStore, fixture: StoreFixture) => Promise<void>;
}

const megabyte = 1_048_576;
const allBytes = Uint8Array.from({ length: 256 }, (_, value) => value);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = async (store: ObjectStore, key: string): Promise<string | null> => {
  const found = await store.get(key);
  return found === null ? null : new TextDecoder().decode(found.bytes);
};
const failure = (type: string): unknown => expect.objectContaining({ name: 'AppError', type });

const roundTrips: readonly Case[] = [
  {
    name: 'absent key → get, head and getStream are null, delete is fine twice',
    run: async (store) => {
      await store.put('t/there', bytesOf('x'));
      for (const key of ['t/absent', 't/deep/er/absent', 'absent', 't']) {
        expect([await store.get(key), await store.head(key), await store.getStream(key)]).toEqual([null, null, null]);
        await store.delete(key);
        await store.delete(key);
      }
      expect(await read(store, 't/there')).toBe('x');
    },
  },
  {
    name: 'put then get and head → the same bytes, size and tag',
    run: async (store) => {
      const contents = {
        empty: new Uint8Array(),
        one: Uint8Array.of(0),
        values: allBytes,
        big: randomBytes(5 * megabyte),
      };
      for (const [name, bytes] of Object.entries(contents)) {
        await store.put(`t/round/${name}`, bytes);
        const found = await store.get(`t/round/${name}`);
        expect(Buffer.from(bytes).equals(found?.bytes ?? Buffer.from('absent'))).toBe(true);
        expect(await store.head(`t/round/${name}`)).toEqual({ sizeBytes: bytes.byteLength, etag: found?.etag });
        expect(await store.putIfAbsent(`t/absent/${name}`, bytes)).toBe(true);
        const second = await store.get(`t/absent/${name}`);
        expect(Buffer.from(bytes).equals(second?.bytes ?? Buffer.from('absent'))).toBe(true);
      }
    },
  },
  {
    name: 'put over an object → the new bytes and another tag; put if absent over it → false and nothing changes',
    run: async (store) => {
      await store.put('t/k', bytesOf('longer than the next'));
      const before = await store.head('t/k');
      await store.put('t/k', bytesOf('next'));
      const after = await store.head('t/k');
      expect(await read(store, 't/k')).toBe('next');
      expect(after?.etag).not.toBe(before?.etag);
      expect(await store.putIfAbsent('t/k', bytesOf('late'))).toBe(false);
      expect(await read(store, 't/k')).toBe('next');
      expect(await store.head('t/k')).toEqual(after);
    },
  },
  {
    name: 'delete → the key is absent and free for put if absent; its neighbours stay',
    run: async (store) => {
      await store.put('t/a', bytesOf('a'));
      await store.put('t/ab', bytesOf('ab'));
      await store.delete('t/a');
      expect(await read(store, 't/a')).toBeNull();
      expect(await store.putIfAbsent('t/a', bytesOf('again'))).toBe(true);
      expect([await read(store, 't/a'), await read(store, 't/ab')]).toEqual(['again', 'ab']);
    },
  },
  {
    name: 'the longest keys and segments → accepted',
    run: async (store) => {
      const long = `${'s'.repeat(255)}/${'k'.repeat(255)}/${'j'.repeat(255)}`;
      for (const key of [long, '.hidden', '...', 'a..b', '-', '_', 't/.tmp/x', `x${'/x'.repeat(399)}`]) {
        expect(await store.putIfAbsent(key, bytesOf(key))).toBe(true);
        expect(await read(store, key)).toBe(key);
      }
    },
  },
];

const races: readonly Case[] = [
  {
    name: 'put if absent by 20 racers in 4 processes × 50 keys → one winner each, and all read its bytes',
    run: async (store, { spec }) => {
      const keys = Array.from({ length: 50 }, (_, slot) => `t/race/runs/${slot % 5}/steps/${slot}`);
      const results = await race(spec, { kind: 'put-if-absent', keys, racers: 5 }, 4);
      const winners = z.array(z.array(z.array(z.string()))).parse(results);
      expect(winners).toHaveLength(4);
      const readers = [store, openStore(spec), openStore(spec)];
      for (const [index, key] of keys.entries()) {
        const won = winners.flatMap((byKey) => byKey[index] ?? []);
        expect(won).toHaveLength(1);
        expect(await Promise.all(readers.map((reader) => read(reader, key)))).toEqual([won[0], won[0], won[0]]);
      }
    },
  },
  {
    name: 'swap by 10 racers in 2 processes from one tag → one winner, and its bytes stay',
    run: async (store, { spec }) => {
      for (const key of ['t/leases/a', 't/leases/b', 't/leases/c']) {
        await store.put(key, bytesOf('before'));
        const etag = (await store.head(key))?.etag ?? '';
        const won = (await race(spec, { kind: 'swap', key, etag, racers: 5 }, 2)).flat();
        expect(won).toHaveLength(1);
        expect(await read(store, key)).toBe(won[0]);
      }
    },
  },
  {
    name: 'a counter raised by swaps in 3 processes → no raise is lost',
    run: async (store, { spec }) => {
      await store.put('t/counter', bytesOf('0 start'));
      expect(await race(spec, { kind: 'increment', key: 't/counter', times: 20 }, 3)).toEqual([20, 20, 20]);
      expect((await read(store, 't/counter'))?.split(' ')[0]).toBe('60');
    },
  },
];

const swaps: readonly Case[] = [
  {
    name: 'swap with the right tag → the new tag; with an old, foreign or empty tag → null and nothing changes',
    run: async (store) => {
      await store.put('t/l', bytesOf('one'));
      const first = (await store.get('t/l'))?.etag ?? '';
      const second = await store.compareAndSwap('t/l', bytesOf('two'), first);
      expect(second).not.toBeNull();
      expect(second).not.toBe(first);
      expect((await store.get('t/l'))?.etag).toBe(second);
      for (const wrong of [first, '"0123456789abcdef0123456789abcdef"', 'foreign']) {
        expect(await store.compareAndSwap('t/l', bytesOf('never'), wrong)).toBeNull();
      }
      expect(await read(store, 't/l')).toBe('two');
      expect(await store.compareAndSwap('t/l', bytesOf('three'), second ?? '')).not.toBeNull();
      expect(await read(store, 't/l')).toBe('three');
    },
  },
  {
    name: 'swap of an object that is gone, or was never there → null, and it stays absent',
    run: async (store) => {
      await store.put('t/gone', bytesOf('x'));
      const etag = (await store.head('t/gone'))?.etag ?? '';
      await store.delete('t/gone');
      expect(await store.compareAndSwap('t/gone', bytesOf('y'), etag)).toBeNull();
      expect(await store.compareAndSwap('t/never', bytesOf('y'), etag)).toBeNull();
      expect(await store.list('')).toEqual([]);
    },
  },
];

const listings: readonly Case[] = [
  {
    name: 'list of 1,203 keys in nested folders → byte order; prefix, after and limit cut it exactly',
    run: async (store) => {
      const steps = Array.from({ length: 1_200 }, (_, seq) => `t/r${seq % 3}/steps/${String(seq).padStart(8, '0')}`);
      const keys = [...steps, 't/r0-x/y', 't/r0.x/y', 't/r0x'].toSorted();
      await forEach(keys, (key) => store.put(key, bytesOf('.')));
      expect(await store.list('')).toEqual(keys);
      for (const prefix of ['t/', 't/r0', 't/r0/', 't/r1/steps/0000', 't/r2/steps/00000002', 't/nothing', 'zzz/']) {
        expect(await store.list(prefix)).toEqual(keys.filter((key) => key.startsWith(prefix)));
      }
      for (const after of ['t/r0', 't/r0/steps/00000300', 't/r0-x/y', 't/r0/steps', 'a', 'zzz', keys.at(-1)!]) {
        const rest = keys.filter((key) => key > after);
        expect(await store.list('', { after, limit: 7 })).toEqual(rest.slice(0, 7));
        expect(await store.list('t/r0', { after })).toEqual(rest.filter((key) => key.startsWith('t/r0')));
      }
      expect(await store.list('', { limit: 1_001 })).toEqual(keys.slice(0, 1_001));
      expect(await store.list('', { limit: 0 })).toEqual([]);
      expect(await inPages(store, 100)).toEqual(keys);
    },
  },
];

const streams: readonly Case[] = [
  {
    name: 'streams of 0 bytes to 20 MB in odd chunks → the same digest by getStream and get',
    run: async (store) => {
      for (const sizeBytes of [0, 1, 8 * megabyte, 20 * megabyte + 3]) {
        const source = randomBytes(sizeBytes);
        await store.putStream('t/stream', inChunks(source, 100_003));
        const streamed = await digestOf(await store.getStream('t/stream'));
        expect(streamed).toBe(await digestOf(inChunks(source, megabyte)));
        const found = await store.get('t/stream');
        expect(found?.bytes.byteLength).toBe(sizeBytes);
        expect(await store.head('t/stream')).toEqual({ sizeBytes, etag: found?.etag });
      }
    },
  },
  {
    name: 'stream whose source fails half way → its own error, and the object before it stays',
    run: async (store) => {
      for (const whole of [100_000, 9 * megabyte]) {
        await store.put('t/kept', bytesOf('kept'));
        const failing = failAfter(inChunks(randomBytes(whole), 65_536));
        await expect(store.putStream('t/kept', failing)).rejects.toThrow('the source broke');
        await expect(store.putStream('t/new', failAfter(inChunks(randomBytes(whole), 65_536)))).rejects.toThrow(
          'broke',
        );
        expect(await read(store, 't/kept')).toBe('kept');
        expect(await store.list('')).toEqual(['t/kept']);
      }
    },
  },
  {
    name: 'a stream that is read in part and left → the store goes on',
    run: async (store) => {
      await store.put('t/big', randomBytes(3 * megabyte));
      for (let turn = 0; turn < 5; turn += 1) {
        for await (const chunk of (await store.getStream('t/big')) ?? []) {
          expect(chunk.byteLength).toBeGreaterThan(0);
          break;
        }
      }
      expect((await store.head('t/big'))?.sizeBytes).toBe(3 * megabyte);
    },
  },
];

/** Keys that must be refused by every method, each with the reason why it is dangerous. */
const unsafeKeys: Readonly<Record<string, string>> = {
  'parent folder': '..',
  'parent folder inside': 't/../../etc/passwd',
  'parent folder at the end': 't/..',
  'own folder': 't/./x',
  absolute: '/etc/passwd',
  empty: '',
  'empty segment': 't//x',
  'slash at the end': 't/x/',
  'NUL byte': 't/x\0y',
  'line feed': 't/x\ny',
  'line feed at the end': 't/x\n',
  backslash: 't\\..\\x',
  blank: 't/x y',
  'percent escape': 't/%2e%2e/x',
  'letters beyond ASCII': 't/é',
  'full-width dots': 't/．．/x',
  'query string': 't/x?versionId=1',
  'scratch folder': '~tmp/x',
  'a segment of 256 characters': `t/${'x'.repeat(256)}`,
  '2,000 characters': 'x/'.repeat(1_000).slice(0, -1),
};

/** Every method of the port, called with a key. */
const methods: Readonly<Record<keyof ObjectStore, (store: ObjectStore, key: string) => Promise<unknown>>> = {
  get: (store, key) => store.get(key),
  head: (store, key) => store.head(key),
  put: (store, key) => store.put(key, bytesOf('x')),
  putIfAbsent: (store, key) => store.putIfAbsent(key, bytesOf('x')),
  compareAndSwap: (store, key) => store.compareAndSwap(key, bytesOf('x'), 'tag'),
  list: (store, key) => store.list(key),
  delete: (store, key) => store.delete(key),
  putStream: (store, key) => store.putStream(key, inChunks(bytesOf('x'), 1)),
  getStream: (store, key) => store.getStream(key),
};

const faults: readonly Case[] = [
  {
    name: 'unsafe keys → Storage.BadKey from every method, before any I/O',
    run: async (_store, { spec, outages: [outage] }) => {
      // With the store away, any I/O would give Storage.Unavailable instead.
      await outage?.begin();
      const store = openStore(spec);
      for (const [reason, key] of Object.entries(unsafeKeys)) {
        for (const [method, call] of Object.entries(methods)) {
          // These are safe as prefixes: a prefix may be empty, end with a slash, or be cut in the middle of a segment.
          if (method === 'list' && (['', '..', 't/..', 't/x/'].includes(key) || reason.includes('256'))) continue;
          await expect(call(store, key), `${method} with ${reason}`).rejects.toEqual(failure('Storage.BadKey'));
        }
      }
      await outage?.end();
    },
  },
  {
    name: 'store away → Storage.Unavailable from every method; back again → it goes on with what it had',
    run: async (store, { outages }) => {
      await store.put('t/kept', bytesOf('kept'));
      expect(outages.length).toBeGreaterThan(0);
      for (const outage of outages) {
        await outage.begin();
        const calls = Object.entries(methods).map(async ([method, call]) => {
          await expect(call(store, 't/kept'), `${method}, ${outage.name}`).rejects.toEqual(
            failure('Storage.Unavailable'),
          );
        });
        await Promise.all(calls);
        await outage.end();
        expect(await read(store, 't/kept')).toBe('kept');
        expect(await store.putIfAbsent(`t/after/${outage.name.replaceAll(' ', '-')}`, bytesOf('x'))).toBe(true);
      }
    },
  },
];

/** Runs the one table of cases that every adapter must pass, each case on an empty store of its own. */
export function describeObjectStore(subject: string, createFixture: () => Promise<StoreFixture>): void {
  describe(`${subject} as an object store`, () => {
    const cases = [...roundTrips, ...swaps, ...listings, ...streams, ...races, ...faults];
    it.each(cases)('$name', { timeout: 60_000 }, async ({ run }) => {
      const fixture = await createFixture();
      await run(openStore(fixture.spec), fixture);
      expect.hasAssertions();
    });
  });
}

async function forEach<T>(items: readonly T[], call: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await call(item);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

async function inPages(store: ObjectStore, limit: number): Promise<string[]> {
  const keys: string[] = [];
  for (;;) {
    const after = keys.at(-1);
    const page = await store.list('', after === undefined ? { limit } : { limit, after });
    if (page.length === 0) return keys;
    keys.push(...page);
  }
}

async function* inChunks(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += sizeBytes) yield bytes.subarray(at, at + sizeBytes);
}

async function* failAfter(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
  throw Object.assign(new Error('the source broke'), { code: 'EIO' });
}

async function digestOf(chunks: AsyncIterable<Uint8Array> | null): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of chunks ?? []) digest.update(chunk);
  return chunks === null ? 'absent' : digest.digest('hex');
}

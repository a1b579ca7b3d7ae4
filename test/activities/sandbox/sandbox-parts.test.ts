import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBoundedOutput, truncationNote } from '../../../activities/sandbox/adapters/bounded-output.ts';
import { createUidPool, toDefaultUidRange, type UidRange } from '../../../activities/sandbox/adapters/sandbox-uids.ts';

function keep(chunks: Iterable<Buffer>, maxCodePoints: number): string {
  const output = createBoundedOutput(maxCodePoints);
  for (const chunk of chunks) output.write(chunk);
  return output.text();
}

describe('bounded output', () => {
  it('character cut by the chunks: four bytes one by one → whole', async () => {
    expect(
      keep(
        Array.from(Buffer.from('a😀b'), (byte) => Buffer.from([byte])),
        10,
      ),
    ).toBe('a😀b');
  });

  it.each(['abc', '😀é字'])('%s: just the cap → whole, without a note', async (text) => {
    expect(keep([Buffer.from(text)], 3)).toBe(text);
  });

  it.each([
    ['abcd', 'abc'],
    ['😀😀😀😀', '😀😀😀'],
    ['a😀bc', 'a😀b'],
  ])('%s: over a cap of 3 code points → %s and a note', async (text, kept) => {
    expect(keep([Buffer.from(text)], 3)).toBe(kept + truncationNote);
  });

  it('bytes that are not UTF-8: anywhere → U+FFFD, never an error', async () => {
    expect(keep([Buffer.from([0x61, 0xff, 0xc3])], 10)).toBe('a\uFFFD\uFFFD');
  });

  it('flood: long after the cap → read to its end, cap kept', async () => {
    const chunk = Buffer.alloc(65_536, 'x');
    expect(
      keep(
        Array.from({ length: 200 }, () => chunk),
        5,
      ),
    ).toBe(`xxxxx${truncationNote}`);
  });
});

async function withPool(
  range: UidRange,
  test: (pool: ReturnType<typeof createUidPool>) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-uids-'));
  try {
    await test(createUidPool(directory, range));
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('uid pool', () => {
  it('claims at once: more askers than uids → all different, then Sandbox.Unavailable, until its owner releases one', async () => {
    await withPool({ first: 200_000, count: 4 }, async (pool) => {
      const uids = await Promise.all(['a/1', 'a/2', 'b/1', 'ab/1'].map(pool.claim));
      expect(new Set(uids)).toEqual(new Set([200_000, 200_001, 200_002, 200_003]));
      await expect(pool.claim('c/1')).rejects.toMatchObject({ type: 'Sandbox.Unavailable' });
      expect((await pool.claims()).toSorted((left, right) => left.owner.localeCompare(right.owner))).toEqual([
        { uid: uids[0], owner: 'a/1' },
        { uid: uids[1], owner: 'a/2' },
        { uid: uids[3], owner: 'ab/1' },
        { uid: uids[2], owner: 'b/1' },
      ]);
      await pool.release(uids[2]!, 'a/1');
      await expect(pool.claim('c/1')).rejects.toMatchObject({ type: 'Sandbox.Unavailable' });
      await pool.release(uids[2]!, 'b/1');
      expect(await pool.claim('c/1')).toBe(uids[2]);
    });
  });

  it.each([
    { first: 0, count: 1 },
    { first: 65_534, count: 1 },
    { first: 100_000, count: 0 },
    { first: 2 ** 31 - 1, count: 2 },
    { first: Number.NaN, count: 1 },
  ])('range %j → Config.Invalid naming the rule', async (range) => {
    await withPool(range, async (pool) => {
      await expect(pool.claim('a/1')).rejects.toThrow(/uidRange must begin at or above 100000/);
    });
  });

  it('default ranges: of many directories → never overlap by a part, above every account, the same each time', () => {
    const ranges = Array.from({ length: 500 }, (_, index) => toDefaultUidRange(`/srv/${index}`));
    expect(new Set(ranges.map(({ first }) => first)).size).toBeGreaterThan(480);
    for (const { first, count } of ranges) {
      expect((first - 1_900_000_000) % count).toBe(0);
      expect(first + count).toBeLessThan(2 ** 31);
    }
    expect(toDefaultUidRange('/srv/1')).toEqual(ranges[1]);
  });

  it('accounts of the host: any claim → none of theirs', async () => {
    const passwd = await readFile('/etc/passwd', 'utf8');
    const taken = passwd.split('\n').map((line) => Number(line.split(':')[2]));
    await withPool({ first: 100_000, count: 10 }, async (pool) => {
      expect(taken).not.toContain(await pool.claim('a/1'));
    });
  });
});

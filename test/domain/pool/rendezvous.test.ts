import { describe, expect, it } from 'vitest';
import { hashPair, rankPlaces } from '../../../domain/pool/rendezvous.ts';

const places = (count: number, weight = 1) =>
  Array.from({ length: count }, (_, index) => ({ id: `gpu-${index}:8000`, weight }));
const keys = Array.from({ length: 4_000 }, (_, index) => `01J9ZX5T3QW8RN6Y7BCDEF${String(index).padStart(4, '0')}`);
const firstOf = (key: string, list: ReturnType<typeof places>) => rankPlaces(key, list)[0]?.id;

describe('rendezvous hashing', () => {
  it('a pair: in (0, 1), and the same on every machine', () => {
    const values = keys.map((key) => hashPair(key, 'gpu-0:8000'));
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(hashPair('01J9ZX5T3QW8RN6Y7BCDEFGHJK', 'gpu-3:8000')).toBe(0.7937981678437033);
  });

  it('keys over eight places: each gets its eighth, within a tenth of it', () => {
    const counts = new Map<string, number>();
    for (const key of keys)
      counts.set(firstOf(key, places(8)) ?? '', (counts.get(firstOf(key, places(8)) ?? '') ?? 0) + 1);
    for (const count of counts.values()) expect(Math.abs(count / 500 - 1)).toBeLessThan(0.15);
    expect(counts.size).toBe(8);
  });

  it('the order in which places are listed: does not matter', () => {
    for (const key of keys.slice(0, 200)) {
      expect(rankPlaces(key, places(8).toReversed())).toEqual(rankPlaces(key, places(8)));
    }
  });

  it('a place that goes away: only its keys move, each to its next choice', () => {
    const without = places(8).filter(({ id }) => id !== 'gpu-3:8000');
    for (const key of keys) {
      const [first, second] = rankPlaces(key, places(8));
      expect(firstOf(key, without)).toBe(first?.id === 'gpu-3:8000' ? second?.id : first?.id);
    }
  });

  it('a place that is added: takes only keys, and about its share of them', () => {
    const moved = keys.filter((key) => firstOf(key, places(8)) !== firstOf(key, places(9)));
    for (const key of moved) expect(firstOf(key, places(9))).toBe('gpu-8:8000');
    expect(moved.length / keys.length).toBeGreaterThan(0.09);
    expect(moved.length / keys.length).toBeLessThan(0.13);
  });

  it('a place of twice the weight: twice the keys', () => {
    const weighted = [{ id: 'large', weight: 2 }, ...places(2)];
    const large = keys.filter((key) => firstOf(key, weighted) === 'large').length;
    expect(large / keys.length).toBeGreaterThan(0.47);
    expect(large / keys.length).toBeLessThan(0.53);
  });
});

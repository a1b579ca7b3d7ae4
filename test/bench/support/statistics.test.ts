import { describe, expect, it } from 'vitest';
import { growthExponent, lastOverFirstDecile, median, percentile, toGaps } from '../../../bench/support/statistics.ts';

describe('statistics of the benches', () => {
  it('median: odd and even numbers of values → the middle, and the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('percentile: 95 of 10 and of 100 values → nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(values, 0.95)).toBe(95);
    expect(percentile(values.slice(-10), 0.95)).toBe(10);
  });

  it('last over first decile: turns that double → 2, few turns → one of each end', () => {
    const rising = [...Array<number>(10).fill(5), ...Array<number>(80).fill(7), ...Array<number>(10).fill(10)];
    expect(lastOverFirstDecile(rising)).toBe(2);
    expect(lastOverFirstDecile([2, 9, 3])).toBe(1.5);
  });

  it('gaps: starts of calls → one fewer', () => {
    expect(toGaps([10, 15, 35])).toEqual([5, 20]);
  });

  it('growth exponent: linear and quadratic growth → 1 and 2', () => {
    expect(growthExponent({ x: 150, y: 30 }, { x: 600, y: 120 })).toBeCloseTo(1);
    expect(growthExponent({ x: 150, y: 30 }, { x: 600, y: 480 })).toBeCloseTo(2);
  });
});

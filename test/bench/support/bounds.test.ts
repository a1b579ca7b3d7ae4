import { describe, expect, it } from 'vitest';
import { findViolations } from '../../../bench/support/bounds.ts';

describe('bounds of the benches', () => {
  it('values at their bounds → no violation', () => {
    const bounds = [
      { field: 'a', value: 1.15, atMost: 1.15 },
      { field: 'b', value: 0.9, atLeast: 0.9 },
    ];
    expect(findViolations(bounds)).toEqual([]);
  });

  it('values beyond their bounds → each named with value and bound', () => {
    const bounds = [
      { field: 'a', value: 1.2, atMost: 1.15 },
      { field: 'b', value: 0.8, atLeast: 0.9 },
    ];
    expect(findViolations(bounds)).toEqual(['a is 1.2, at most 1.15 is allowed', 'b is 0.8, at least 0.9 is required']);
  });

  it('a value that was not measured → a violation', () => {
    expect(findViolations([{ field: 'a', value: Number.NaN, atMost: 1 }])).toHaveLength(1);
    expect(findViolations([{ field: 'a', value: Number.NaN, atLeast: 1 }])).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { firstLiveObservation } from '../../domain/retention.ts';

describe('the first observation in view', () => {
  it.each([
    // observations, K, extra slots → first live
    [0, 5, 0, 0],
    [5, 5, 0, 0],
    [6, 5, 0, 1],
    [600, 5, 0, 595],
    [600, 5, 1, 596],
    [3, 5, 1, 0],
    [5, 5, 1, 1],
    [600, -1, 0, 0],
    [600, -1, 1, 0],
    [600, 0, 0, 600],
    [600, 0, 1, 600],
    [4, 1, 1, 4],
    [0, 0, 1, 0],
  ])('%i observations, K = %i, %i extra slots → %i', (observations, keep, ...[extra, first]) => {
    expect(firstLiveObservation(observations, keep, extra)).toBe(first);
  });
});

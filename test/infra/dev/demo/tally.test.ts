import { describe, expect, it } from 'vitest';
import { countInterrupted, countRepeated, countUnknown } from '../../../../infra/dev/demo/tally.ts';

const key = (letter: string): string => letter.repeat(64);
const slots = [
  { stepKey: key('a'), endedAtMs: 100 },
  { stepKey: key('b'), endedAtMs: 200 },
  { stepKey: null, endedAtMs: 300 },
];

describe('countRepeated', () => {
  it('a request before its step was recorded, also a second one: not repeated', () => {
    const requests = [
      { stepKey: key('a'), atMs: 10 },
      { stepKey: key('a'), atMs: 100 },
    ];
    expect(countRepeated(requests, slots)).toBe(0);
  });

  it('a request after its step was recorded: repeated, also under a numbered key', () => {
    const requests = [
      { stepKey: key('a'), atMs: 101 },
      { stepKey: `${key('b')}-2`, atMs: 201 },
      { stepKey: key('b'), atMs: 150 },
    ];
    expect(countRepeated(requests, slots)).toBe(2);
  });
});

describe('countUnknown', () => {
  it('requests without a key, or of no recorded step: counted', () => {
    const requests = [
      { stepKey: null, atMs: 1 },
      { stepKey: key('c'), atMs: 1 },
      { stepKey: key('a'), atMs: 1 },
    ];
    expect(countUnknown(requests, slots)).toBe(2);
  });
});

describe('countInterrupted', () => {
  it('only attempts that a dead worker ended are counted', () => {
    const started = [
      { attempt: 1, lastFailureType: null },
      { attempt: 3, lastFailureType: 'Worker.Died' },
      { attempt: 4, lastFailureType: 'Model.RateLimited' },
    ];
    expect(countInterrupted(started)).toBe(2);
  });
});

import { describe, expect, it } from 'vitest';
import { createAdmission, type PoolCapacity } from '../../../domain/pool/admission.ts';
import { createRandom } from '../../support/random.ts';

const rules = { expectedRunTokens: 100_000, reserve: 0, idleMs: 60_000 };
const kv = 800_000;
const capacity = (change: Partial<PoolCapacity> = {}): PoolCapacity => ({
  replicas: [{ id: 'r0', kvTokens: kv }],
  share: 1,
  calls: 64,
  isStrained: false,
  ...change,
});
const call = (run: string, tokens: number, nowMs = 0) => ({ run, tokens, replica: 'r0', nowMs });

describe('admission of new runs', () => {
  it('an empty pool: as many as its cache holds at their middle, however small they are now', () => {
    const admission = createAdmission(rules);
    expect(admission.roomForRuns(capacity(), 0)).toBe(8);
    expect(admission.roomForRuns(capacity(), 3)).toBe(5);
    for (let index = 0; index < 8; index += 1) admission.begin(call(`run-${index}`, 4_000));
    expect(admission.roomForRuns(capacity(), 0)).toBe(0);
  });

  it('a run that ended: its place is free; one that waits for its tool: not', () => {
    const admission = createAdmission(rules);
    for (let index = 0; index < 8; index += 1) admission.begin(call(`run-${index}`, 4_000));
    admission.end({ ...call('run-0', 5_000), done: false });
    expect(admission.roomForRuns(capacity(), 0)).toBe(0);
    admission.begin(call('run-0', 5_000));
    admission.end({ ...call('run-0', 5_000), done: true });
    expect(admission.roomForRuns(capacity(), 0)).toBe(1);
  });

  it('runs larger than expected: nobody new while they fill the cache', () => {
    const admission = createAdmission(rules);
    for (let index = 0; index < 4; index += 1) admission.begin(call(`run-${index}`, 200_000));
    expect(admission.roomForRuns(capacity(), 0)).toBe(0);
  });

  it('several workers: each lets its share in', () => {
    expect(createAdmission(rules).roomForRuns(capacity({ share: 0.25 }), 0)).toBe(2);
  });

  it('a cache smaller than a run is expected to be: one run at a time', () => {
    const admission = createAdmission(rules);
    const small = capacity({ replicas: [{ id: 'r0', kvTokens: 50_000 }] });
    expect(admission.roomForRuns(small, 0)).toBe(1);
    admission.begin(call('run-0', 4_000));
    expect(admission.roomForRuns(small, 0)).toBe(0);
  });

  it('a server that holds calls back or throws some out: nobody new', () => {
    expect(createAdmission(rules).roomForRuns(capacity({ isStrained: true }), 0)).toBe(0);
  });

  it('a part in reserve: is never promised', () => {
    expect(createAdmission({ ...rules, reserve: 0.25 }).roomForRuns(capacity(), 0)).toBe(6);
  });

  it('a cache of unknown size: as many as calls', () => {
    expect(createAdmission(rules).roomForRuns(capacity({ replicas: [{ id: 'r0', kvTokens: null }] }), 0)).toBe(64);
  });

  it('a run that is away for long: no longer counts, unless a call of it is under way', () => {
    const admission = createAdmission(rules);
    admission.begin(call('away', 50_000));
    admission.end({ ...call('away', 50_000), done: false });
    admission.begin(call('working', 50_000));
    admission.sweep(59_999);
    expect(admission.residents()).toHaveLength(2);
    admission.sweep(60_000);
    expect(admission.residents().map(({ run }) => run)).toEqual(['working']);
  });
});

describe('admission of calls', () => {
  it('as many as the replicas take', () => {
    const admission = createAdmission(rules);
    expect(admission.roomForCalls(capacity(), 60)).toBe(4);
    expect(admission.roomForCalls(capacity(), 70)).toBe(0);
  });

  it('contexts that have outgrown the cache: the youngest wait, the furthest go on, and nobody new comes in', () => {
    const admission = createAdmission(rules);
    const sizes = { old: 400_000, middle: 300_000, young: 150_000 };
    for (const [run, tokens] of Object.entries(sizes)) admission.begin(call(run, tokens));
    expect(admission.fits(call('old', 400_000), kv)).toBe(true);
    expect(admission.fits(call('middle', 300_000), kv)).toBe(true);
    expect(admission.fits(call('young', 150_000), kv)).toBe(false);
    admission.park('young', 0);
    const elsewhere = capacity({ replicas: [{ id: 'r1', kvTokens: kv }] });
    expect(admission.roomForRuns(elsewhere, 0)).toBe(0);
    admission.end({ ...call('middle', 300_000), done: true });
    expect(admission.fits(call('young', 150_000), kv)).toBe(true);
    admission.begin(call('young', 150_000));
    expect(admission.roomForRuns(elsewhere, 0)).toBe(8);
  });

  it('a run that waits and asks no more: has been given up, and holds up nobody', () => {
    const admission = createAdmission({ ...rules, idleMs: 600_000 });
    admission.begin(call('waits', 150_000));
    admission.end({ ...call('waits', 150_000), done: false });
    admission.park('waits', 1_000);
    admission.sweep(60_999);
    expect(admission.residents()).toMatchObject([{ run: 'waits', parked: true }]);
    admission.sweep(61_000);
    expect(admission.residents()).toEqual([]);
  });

  it('any set of runs at a replica: those that fit, fit together', () => {
    const random = createRandom(11);
    for (let round = 0; round < 200; round += 1) {
      const admission = createAdmission(rules);
      const runs = Array.from({ length: random.between(1, 30) }, (_, index) =>
        call(`run-${index}`, random.between(1_000, 240_000)),
      );
      for (const run of runs) admission.begin(run);
      const going = runs.filter((run) => admission.fits(run, kv));
      expect(going.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(kv);
      expect(going.length).toBeGreaterThan(0);
    }
  });

  it('one run larger than the whole cache: fits; at another replica, and where the cache is not known, any does', () => {
    const admission = createAdmission(rules);
    expect(admission.fits(call('huge', 900_000), kv)).toBe(true);
    admission.begin(call('huge', 900_000));
    expect(admission.fits({ ...call('other', 100_000), replica: 'r1' }, kv)).toBe(true);
    expect(admission.fits(call('other', 100_000), kv)).toBe(false);
    expect(admission.fits(call('other', 100_000), null)).toBe(true);
  });

  it('what is set aside on a replica: what its runs hold, or will', () => {
    const admission = createAdmission(rules);
    admission.begin(call('small', 4_000));
    admission.begin(call('large', 150_000));
    admission.begin({ ...call('elsewhere', 150_000), replica: 'r1' });
    expect(admission.committedTokens('r0')).toBe(250_000);
  });
});

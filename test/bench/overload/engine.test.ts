import { describe, expect, it } from 'vitest';
import { Engine, type EngineCall } from '../../../bench/overload/engine.ts';
import { EventQueue } from '../../../bench/overload/event-queue.ts';
import { FairQueue } from '../../../bench/overload/fair-queue.ts';
import { serving } from '../../../bench/prefill/workload.ts';
import { decodeStepSeconds, prefillSeconds } from '../../../domain/pool/cost-model.ts';
import { createRandom } from '../../support/random.ts';

const call = (run: string, promptTokens: number, change: Partial<EngineCall> = {}): EngineCall => ({
  run,
  promptTokens,
  sharedTokens: 0,
  replyTokens: 300,
  ...change,
});
const forEver = 1e9;

const secondsOf = (calls: readonly EngineCall[]) => {
  const engine = new Engine(serving, 200_000);
  for (const each of calls) engine.add(each, 0);
  engine.advance(forEver);
  return engine.busySeconds;
};

describe('a simulated replica in time', () => {
  it('one call alone: its prefill in chunks beside the weights, then a step for each token', () => {
    const engine = new Engine(serving, 100_000);
    engine.add(call('a', 20_480), 0);
    const chunks = 10;
    const prefill = prefillSeconds(serving, 20_480, 0) + chunks * decodeStepSeconds(serving, 0);
    expect(engine.nextEnd()).toBeCloseTo(prefill, 6);
    expect(engine.advance(forEver)).toMatchObject([{ run: 'a' }]);
    expect(engine.busySeconds).toBeCloseTo(prefill + 300 * decodeStepSeconds(serving, 20_480), 6);
  });

  it('two at once: slower than one, faster than one after the other', () => {
    const [one, two] = [secondsOf([call('a', 50_000)]), secondsOf([call('a', 50_000), call('b', 50_000)])];
    expect(two).toBeGreaterThan(one);
    expect(two).toBeLessThan(2 * one);
  });

  it('a run that comes back: only what it does not share is computed; after others took the room: all of it', () => {
    const engine = new Engine(serving, 100_000);
    engine.add(call('a', 40_000), 0);
    engine.advance(100);
    engine.add(call('a', 44_300, { sharedTokens: 40_300 }), 100);
    engine.advance(200);
    expect(engine.prefillTokens).toBe(44_000);
    engine.add(call('b', 95_000), 200);
    engine.advance(400);
    engine.add(call('a', 48_600, { sharedTokens: 44_600 }), 400);
    engine.advance(600);
    expect(engine.prefillTokens).toBe(44_000 + 95_000 + 48_600 - 4_700);
  });

  it('more than fits: the later ones wait in their order, and everybody ends', () => {
    const engine = new Engine(serving, 100_000);
    for (const run of ['a', 'b', 'c', 'd']) engine.add(call(run, 45_000), 0);
    expect([engine.running, engine.waiting]).toEqual([2, 2]);
    expect(engine.advance(forEver).map(({ run }) => run)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('running calls that outgrow the cache: the latest is pushed out, and still ends', () => {
    const engine = new Engine(serving, 100_000);
    for (const run of ['a', 'b']) engine.add(call(run, 49_900), 0);
    expect(engine.advance(forEver)).toHaveLength(2);
    expect(engine.preemptions).toBeGreaterThan(0);
  });

  it('one call larger than the cache: ends', () => {
    const engine = new Engine(serving, 100_000);
    engine.add(call('huge', 150_000), 0);
    expect(engine.advance(forEver)).toHaveLength(1);
  });

  it('any calls at any times: each ends once', () => {
    const random = createRandom(3);
    for (let round = 0; round < 30; round += 1) {
      const engine = new Engine(serving, 120_000);
      const ended: string[] = [];
      let now = 0;
      for (let index = 0; index < 60; index += 1) {
        now += random.next() * 4;
        const asked = call(`run-${index}`, random.between(100, 60_000), { replyTokens: random.between(1, 600) });
        ended.push(...engine.add(asked, now).map(({ run }) => run));
      }
      ended.push(...engine.advance(forEver).map(({ run }) => run));
      expect(ended).toHaveLength(60);
      expect(new Set(ended).size).toBe(60);
    }
  });
});

describe('events', () => {
  it('added in any order: come by time, those of one time as they were added', () => {
    const random = createRandom(9);
    const queue = new EventQueue<number>();
    const times = Array.from({ length: 500 }, () => random.between(0, 50));
    for (const [index, at] of times.entries()) queue.add(at, index);
    const expected = times.map((at, index) => ({ at, index })).toSorted((a, b) => a.at - b.at || a.index - b.index);
    expect(expected.map(() => queue.next()?.value)).toEqual(expected.map(({ index }) => index));
    expect(queue.next()).toBeNull();
  });
});

describe('the model of the engine’s queue', () => {
  it('two tenants, one with a long line: in turn', () => {
    const queue = new FairQueue<string>();
    for (let index = 0; index < 5; index += 1) queue.add('crowd', `c${index}`);
    for (let index = 0; index < 2; index += 1) queue.add('small', `s${index}`);
    const order = Array.from({ length: 7 }, () => queue.next());
    expect(order).toEqual(['c0', 's0', 'c1', 's1', 'c2', 'c3', 'c4']);
    expect([queue.next(), queue.size]).toEqual([null, 0]);
  });

  it('a tenant that was away: has saved up no turns', () => {
    const queue = new FairQueue<string>();
    queue.add('small', 's0');
    queue.next();
    for (let index = 0; index < 20; index += 1) queue.add('crowd', `c${index}`);
    for (let index = 0; index < 10; index += 1) queue.next();
    for (let index = 1; index < 10; index += 1) queue.add('small', `s${index}`);
    const order = Array.from({ length: 8 }, () => queue.next());
    expect(order.filter((task) => task?.startsWith('s')).length).toBeLessThanOrEqual(5);
  });
});

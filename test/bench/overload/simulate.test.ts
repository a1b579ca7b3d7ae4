import { describe, expect, it } from 'vitest';
import { fairWaits } from '../../../bench/overload/fair-share.ts';
import { offer, tenantShares, underWay } from '../../../bench/overload/offered-load.ts';
import { OverloadSimulation, type PoolSetup } from '../../../bench/overload/simulate.ts';
import { referenceRun, serving } from '../../../bench/prefill/workload.ts';
import { promptsOf } from '../../../domain/pool/cost-model.ts';

const run = { ...referenceRun, turns: 40 };
const prompts = [...promptsOf(run, { keep: 5, batch: 12, pressureTokens: null }, null)];
const setup: PoolSetup = {
  replicas: 2,
  kvTokens: 300_000,
  serving,
  run,
  prompts,
  toolSeconds: 5,
  untilSeconds: 10_000,
  expectedShare: 1,
  reserve: 0.05,
};
const load = { perSecond: 1 / 40, forSeconds: 10_000, underWay: 6, turns: run.turns, seed: 5 };

describe('an overloaded pool', () => {
  const arrivals = offer(load);
  const admitted = new OverloadSimulation(setup, 'admitted').run(arrivals);
  const direct = new OverloadSimulation(setup, 'direct').run(arrivals);

  it('every run ends once, under both dispatches', () => {
    for (const { ended } of [admitted, direct]) {
      expect(new Set(ended.map(({ id }) => id)).size).toBe(arrivals.length);
      expect(ended).toHaveLength(arrivals.length);
      for (const each of ended) expect(each.endedAt).toBeGreaterThan(each.beganAt);
    }
  });

  it('admission: waits outside, keeps its caches, and does more', () => {
    expect(admitted.cachedShare).toBeGreaterThan(0.8);
    expect(direct.cachedShare).toBeLessThan(0.5);
    expect(admitted.turns).toBeGreaterThan(1.2 * direct.turns);
    expect(admitted.preemptions).toBeLessThan(direct.preemptions);
  });

  it('the same seed: the same figures', () => {
    expect(new OverloadSimulation(setup, 'admitted').run(offer(load))).toEqual(admitted);
  });
});

describe('the offered load', () => {
  it('three tenants in their parts, spread over the whole time', () => {
    const runs = offer({ ...load, perSecond: 1 }).filter(({ tenant }) => tenant !== underWay);
    expect(runs).toHaveLength(10_000);
    for (const [tenant, share] of Object.entries(tenantShares)) {
      expect(Math.abs(runs.filter((each) => each.tenant === tenant).length / 10_000 - share)).toBeLessThan(0.02);
    }
    expect(runs.filter(({ at }) => at < 5_000)).toHaveLength(5_000);
  });
});

const line = (tenant: string, count: number, everySeconds = 0) =>
  Array.from({ length: count }, (_, index) => ({ tenant, at: index * everySeconds }));

describe('a fair share', () => {
  it('one tenant: its runs one after another', () => {
    expect(fairWaits(line('a', 3), 0.1).get('a')).toBeCloseTo((0 + 10 + 20) / 3, 6);
  });

  it('two tenants at once: each at half the rate, and alone once the other is through', () => {
    const waits = fairWaits([...line('a', 2), ...line('b', 4)], 0.1);
    expect(waits.get('a')).toBeCloseTo((0 + 20) / 2, 6);
    expect(waits.get('b')).toBeCloseTo((0 + 20 + 40 + 50) / 4, 6);
  });

  it('a tenant that asks for less than its share: never waits', () => {
    const waits = fairWaits([...line('small', 20, 100), ...line('crowd', 200)], 0.1);
    expect(waits.get('small')).toBeLessThan(1e-6);
    expect(waits.get('crowd')).toBeGreaterThan(900);
  });
});

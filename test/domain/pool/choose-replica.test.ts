import { describe, expect, it } from 'vitest';
import { chooseReplica, type Placement, type ReplicaView, type Verdict } from '../../../domain/pool/choose-replica.ts';
import { rankPlaces } from '../../../domain/pool/rendezvous.ts';
import { createRandom } from '../../support/random.ts';

const replica = (index: number, change: Partial<ReplicaView> = {}): ReplicaView => ({
  id: `r${index}`,
  weight: 1,
  usable: true,
  draining: false,
  load: 0,
  capacity: 8,
  ...change,
});
const pool = (count: number, change: (index: number) => Partial<ReplicaView> = () => ({})) =>
  Array.from({ length: count }, (_, index) => replica(index, change(index)));
const placement = (change: Partial<Placement> = {}): Placement => ({
  key: 'run-1',
  home: null,
  fitsAtHome: true,
  size: 1,
  exclude: new Set(),
  spillFactor: 1.25,
  moveFactor: 2,
  ...change,
});
const idOf = (verdict: Verdict) => (typeof verdict === 'string' ? verdict : verdict.id);
const ranked = (key: string, count = 8) => rankPlaces(key, pool(count)).map(({ id }) => id);

describe('the choice of a replica', () => {
  it('a new run in an idle pool: its first choice', () => {
    expect(chooseReplica(pool(8), placement())).toEqual({ id: ranked('run-1')[0], reason: 'first' });
  });

  it('the same view on two workers: the same choice, for any view', () => {
    const random = createRandom(3);
    for (let round = 0; round < 500; round += 1) {
      const view = pool(8, () => ({
        load: random.between(0, 20),
        usable: random.chance(0.8),
        draining: random.chance(0.1),
      }));
      const asked = placement({ key: `run-${round}` });
      expect(chooseReplica(view.toReversed(), asked)).toEqual(chooseReplica(view, asked));
    }
  });

  it('a first choice over its bound: the next one that is under it', () => {
    const [first, second] = ranked('run-1');
    const view = pool(8, () => ({ load: 4, capacity: 20 })).map((each) =>
      each.id === first ? { ...each, load: 9 } : each,
    );
    expect(chooseReplica(view, placement())).toEqual({ id: second, reason: 'spilled' });
  });

  it('a thousand runs one after another: no replica holds more than its bound allows', () => {
    const loads = new Map<string, number>();
    for (let index = 0; index < 1_000; index += 1) {
      const view = pool(8).map((each) => ({ ...each, load: loads.get(each.id) ?? 0, capacity: 1_000 }));
      const id = idOf(chooseReplica(view, placement({ key: `run-${index}` })));
      loads.set(id, (loads.get(id) ?? 0) + 1);
    }
    expect(Math.max(...loads.values())).toBeLessThanOrEqual(Math.ceil((1.25 * 1_000) / 8));
    expect(loads.size).toBe(8);
  });

  it('a run with a prefix: stays there, although others are emptier and prefer it', () => {
    const home = ranked('run-1')[5] ?? '';
    const view = pool(8).map((each) => (each.id === home ? { ...each, load: 7 } : each));
    expect(chooseReplica(view, placement({ home }))).toEqual({ id: home, reason: 'sticky' });
  });

  it('a home over its bound but not over its capacity: stays', () => {
    const view = pool(2, (index) => ({ load: index === 0 ? 8 : 0 }));
    expect(chooseReplica(view, placement({ home: 'r0' }))).toEqual({ id: 'r0', reason: 'sticky' });
  });

  it('a home over its capacity and twice the mean: relieved', () => {
    const view = pool(4, (index) => ({ load: index === 0 ? 40 : 1 }));
    expect(chooseReplica(view, placement({ home: 'r0' }))).toMatchObject({ reason: 'relieved' });
  });

  it('a home that cannot be asked: moved to the next choice, and back only as a new run', () => {
    const [first, second] = ranked('run-1');
    const down = pool(8).map((each) => (each.id === first ? { ...each, usable: false } : each));
    expect(chooseReplica(down, placement({ home: first ?? null }))).toEqual({ id: second, reason: 'moved' });
    expect(chooseReplica(pool(8), placement({ home: second ?? null }))).toEqual({ id: second, reason: 'sticky' });
    expect(chooseReplica(pool(8), placement())).toEqual({ id: first, reason: 'first' });
  });

  it('a dead replica’s runs: spread over all that are left', () => {
    const down = pool(8).map((each) => (each.id === 'r3' ? { ...each, usable: false } : each));
    const runs = Array.from({ length: 2_000 }, (_, index) => `run-${index}`).filter((key) => ranked(key)[0] === 'r3');
    const places = runs.map((key) => idOf(chooseReplica(down, placement({ key, home: 'r3' }))));
    const counts = [...new Set(places)].map((id) => places.filter((place) => place === id).length);
    expect(counts).toHaveLength(7);
    for (const count of counts) expect(count).toBeGreaterThan(runs.length / 7 / 2);
  });

  it('a home without room for the run: a replica that has some; without one the run waits', () => {
    const view = pool(3, (index) => ({ load: [800, 500, 100][index] ?? 0, capacity: 800 }));
    const full = placement({ home: 'r0', fitsAtHome: false, size: 250, moveFactor: Number.POSITIVE_INFINITY });
    expect(chooseReplica(view, full)).toMatchObject({ reason: 'relieved' });
    expect(chooseReplica(view, { ...full, size: 700 })).toEqual({ id: 'r2', reason: 'relieved' });
    expect(chooseReplica(view, { ...full, size: 701 })).toBe('full');
  });

  it('a new run: goes past a replica without room, and to the emptiest when nobody has any', () => {
    const [first, second] = ranked('run-1');
    const view = pool(8, () => ({ load: 5, capacity: 8 })).map((each) =>
      each.id === first ? { ...each, load: 8 } : each,
    );
    expect(chooseReplica(view, placement({ spillFactor: 10 }))).toEqual({ id: second, reason: 'spilled' });
    const crowded = pool(2, (index) => ({ load: 10 + index, capacity: 8 }));
    expect(idOf(chooseReplica(crowded, placement()))).toBe('r0');
  });

  it('a draining replica: keeps its runs, takes no new one', () => {
    const [first, second] = ranked('run-1');
    const view = pool(8).map((each) => (each.id === first ? { ...each, draining: true } : each));
    expect(chooseReplica(view, placement({ home: first ?? null }))).toMatchObject({ reason: 'sticky' });
    expect(idOf(chooseReplica(view, placement()))).toBe(second);
  });

  it('all draining: they still answer', () => {
    expect(
      chooseReplica(
        pool(2, () => ({ draining: true })),
        placement(),
      ),
    ).toMatchObject({ reason: 'first' });
  });

  it('nobody to ask: nobody', () => {
    expect(
      chooseReplica(
        pool(3, () => ({ usable: false })),
        placement(),
      ),
    ).toBe('nobody');
    expect(chooseReplica(pool(2), placement({ exclude: new Set(['r0', 'r1']) }))).toBe('nobody');
    expect(chooseReplica([], placement())).toBe('nobody');
  });

  it('a run larger than the mean: an empty replica takes it', () => {
    expect(chooseReplica(pool(3), placement({ size: 128_000 }))).toMatchObject({ reason: 'first' });
  });
});

import { describe, expect, it } from 'vitest';
import { sabotages } from './sabotages.ts';
import { simulate } from './simulate.ts';

const minuteMs = 60_000;

describe('the step protocol, simulated', () => {
  it(
    '200,000 seeds: no invariant breaks, and everything that can go wrong did',
    async () => {
      const result = await simulate({ from: 1, seeds: 200_000 });
      expect(result.broken).toEqual([]);
      expect(result.seeds).toBe(200_000);
      for (const count of [result.crashes, result.freezes, result.closings, result.resets])
        expect(count).toBeGreaterThan(2_000);
    },
    5 * minuteMs,
  );

  it('a seed: the same in every run', async () => {
    const asked = { from: 4_711, seeds: 50, sabotage: { ignoresConditions: true } };
    expect(await simulate(asked)).toEqual(await simulate(asked));
  });
});

describe('without a guard of the protocol', () => {
  it.each(Object.entries(sabotages))(
    '%s: missed within 10,000 seeds, and the seed alone shows it again',
    async (_, sabotage) => {
      const { broken } = await simulate({ from: 1, seeds: 10_000, sabotage, untilBroken: true });
      const [first] = broken;
      expect(first).toBeDefined();
      const again = await simulate({ from: first!.seed, seeds: 1, sabotage });
      expect(again.broken).toEqual([first]);
    },
    minuteMs,
  );
});

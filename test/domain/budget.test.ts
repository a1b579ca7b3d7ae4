import { describe, expect, it } from 'vitest';
import { checkReservations, costOf, nothingSpent, type Prices, settle } from '../../domain/budget.ts';
import { addUsage, noUsage } from '../../domain/usage.ts';
import { createRandom } from '../support/random.ts';
import { someLimits } from '../support/facts.ts';

const prices: Prices = {
  inputMicroUsdPerMillion: 3_000_000,
  cachedMicroUsdPerMillion: 300_000,
  outputMicroUsdPerMillion: 15_000_000,
};
const usage = (inputTokens: number, outputTokens: number, cachedTokens = 0) => ({
  inputTokens,
  outputTokens,
  cachedTokens,
});

describe('the cost of a call', () => {
  it.each([
    ['fresh prompt', usage(1_000, 0), 3_000],
    ['cached prompt', usage(1_000, 0, 1_000), 300],
    ['completion', usage(0, 1_000), 15_000],
    ['a fraction of a micro-USD', usage(1, 0, 1), 1],
    ['nothing', noUsage, 0],
    ['more cached than there was prompt', usage(10, 0, 1_000), 300],
  ])('%s → rounded up, in micro-USD', (_, used, cost) => {
    expect(costOf(used, prices)).toBe(cost);
  });

  it('unknown prices → unknown, not nothing', () => {
    expect(costOf(usage(1, 1), null)).toBeNull();
    expect(costOf(noUsage, null)).toBeNull();
    expect(nothingSpent(null).costMicroUsd).toBeNull();
    expect(nothingSpent(prices).costMicroUsd).toBe(0);
  });
});

describe('settling', () => {
  it('several calls → the sums', () => {
    const once = settle(nothingSpent(prices), { usage: usage(10, 5, 4), costMicroUsd: 7 });
    expect(settle(once, { usage: usage(1, 2, 0), costMicroUsd: 3 })).toMatchObject({
      inputTokens: 11,
      outputTokens: 7,
      cachedTokens: 4,
      costMicroUsd: 10,
    });
  });

  it('one call without a known price → unknown from then on', () => {
    const unknown = settle(nothingSpent(prices), { usage: usage(1, 1), costMicroUsd: null });
    expect(unknown.costMicroUsd).toBeNull();
    expect(settle(unknown, { usage: usage(1, 1), costMicroUsd: 5 }).costMicroUsd).toBeNull();
  });

  it('a step that used no tokens: costs nothing, whatever its price', () => {
    expect(settle(nothingSpent(prices), { usage: noUsage, costMicroUsd: null }).costMicroUsd).toBe(0);
    expect(settle(nothingSpent(null), { usage: noUsage, costMicroUsd: 0 }).costMicroUsd).toBeNull();
  });

  it('usages → their sum', () => {
    expect(addUsage(usage(1, 2, 3), usage(10, 20, 30))).toEqual(usage(11, 22, 33));
  });
});

describe('reservations', () => {
  const call = { promptTokens: 100, completionTokens: 50 };
  it.each([
    ['no limit', {}, null],
    ['to the token', { maxTokens: 150 }, null],
    ['one token over', { maxTokens: 149 }, 'tokens'],
    ['to the micro-USD', { maxCostMicroUsd: 1_050 }, null],
    ['one micro-USD over', { maxCostMicroUsd: 1_049 }, 'cost'],
    ['both over', { maxTokens: 1, maxCostMicroUsd: 1 }, 'tokens'],
  ])('%s → judged', (_, limits, exceeded) => {
    const budget = { limits: someLimits(limits), spent: nothingSpent(prices), prices };
    expect(checkReservations(budget, [call])).toBe(exceeded);
  });

  it('several calls → judged together, with what is spent', () => {
    const limits = someLimits({ maxTokens: 310 });
    const spent = { ...nothingSpent(prices), inputTokens: 5, outputTokens: 5 };
    expect(checkReservations({ limits, spent, prices }, [call, call])).toBeNull();
    expect(checkReservations({ limits, spent: { ...spent, inputTokens: 6 }, prices }, [call, call])).toBe('tokens');
  });

  it('any usage within a reservation, at any prices: costs no more than was reserved', () => {
    const random = createRandom(11);
    for (let round = 0; round < 2_000; round += 1) {
      const own: Prices = {
        inputMicroUsdPerMillion: random.between(0, 5_000_000),
        cachedMicroUsdPerMillion: random.between(0, 5_000_000),
        outputMicroUsdPerMillion: random.between(0, 20_000_000),
      };
      const reserved = { promptTokens: random.between(0, 5_000), completionTokens: random.between(0, 2_000) };
      const inputTokens = random.between(0, reserved.promptTokens);
      const used = usage(inputTokens, random.between(0, reserved.completionTokens), random.between(0, inputTokens));
      const maxCostMicroUsd = (costOf(used, own) ?? 0) - 1;
      if (maxCostMicroUsd < 0) continue;
      const budget = { limits: someLimits({ maxCostMicroUsd }), spent: nothingSpent(own), prices: own };
      expect(checkReservations(budget, [reserved])).toBe('cost');
    }
  });
});

import { describe, expect, it } from 'vitest';
import {
  bestBatch,
  costOfRun,
  decodeSecondsPerPair,
  longestRun,
  prefillSeconds,
  prefillSecondsPerToken,
  promptsOf,
} from '../../../domain/pool/cost-model.ts';
import { h200, modelShapes } from '../../../domain/pool/gpu-facts.ts';
import { nextFirstLive } from '../../../domain/pool/trim.ts';

const serving = { model: modelShapes['qwen3-30b-a3b'], hardware: h200 };
const limitTokens = 244_760;
const aRun = (replyTokens: number, observationTokens: number) => ({
  systemTokens: 4_000,
  replyTokens,
  observationTokens,
  placeholderTokens: 15,
  turns: 600,
});
const retention = (batch: number) => ({ policy: { keep: 5, batch, pressureTokens: limitTokens }, limitTokens });

const gpuSecondsOf = (batch: number) => {
  const cost = costOfRun(aRun(300, 4_000), retention(batch), serving);
  return cost.prefillSeconds + cost.decodeSeconds;
};
const coldSecondsOf = (name: keyof typeof modelShapes) =>
  [32e3, 118e3, 244e3].map((tokens) =>
    Number(prefillSeconds({ model: modelShapes[name], hardware: h200 }, tokens, 0).toPrecision(2)),
  );

describe('the cost of a run by retention', () => {
  it.each([
    // a, r, B → turns, Mtok, tokens a turn, cached %, context k, prefill s, decode s
    [300, 2_000, 1, [600, 6.85, 11_423, 89.4, 108, 1_505, 964]],
    [300, 2_000, 8, [600, 2.07, 3_449, 97, 115, 477, 1_025]],
    [300, 2_000, Number.POSITIVE_INFINITY, [600, 1.49, 2_480, 98.5, 170, 484, 1_512]],
    [300, 4_000, 1, [600, 12.8, 21_340, 81.9, 118, 2_937, 1_052]],
    [300, 4_000, 4, [600, 5.13, 8_553, 93.1, 124, 1_231, 1_105]],
    [300, 4_000, 8, [600, 3.86, 6_432, 95.1, 132, 981, 1_175]],
    [300, 4_000, 12, [600, 3.45, 5_744, 95.9, 140, 926, 1_243]],
    [300, 4_000, 16, [600, 3.26, 5_428, 96.3, 146, 919, 1_304]],
    [300, 4_000, Number.POSITIVE_INFINITY, [600, 3, 4_997, 97.2, 177, 1_021, 1_575]],
    [300, 8_000, 8, [600, 8, 13_341, 91.8, 163, 2_440, 1_449]],
    [400, 4_000, 8, [533, 3.81, 7_151, 95.1, 147, 1_136, 1_550]],
    [600, 4_000, 8, [360, 2.69, 7_467, 94.9, 147, 799, 1_569]],
  ])('a = %i, r = %i, B = %s: the figures of the model', (a, r, ...[batch, expected]) => {
    const cost = costOfRun(aRun(a, r), retention(batch), serving);
    const figures = [
      cost.turns,
      Number((cost.prefillTokens / 1e6).toFixed(2)),
      Math.round(cost.prefillTokens / cost.turns),
      Number((100 * cost.cachedShare).toFixed(1)),
      Math.round(cost.contextTokens / 1_000),
      Math.round(cost.prefillSeconds),
      Math.round(cost.decodeSeconds),
    ];
    expect(figures).toEqual(expected);
  });

  it('the best batch: 11 to 13, and the cheapest of its neighbours', () => {
    for (const [a, r] of [
      [300, 2_000],
      [300, 4_000],
      [300, 8_000],
      [400, 4_000],
      [600, 4_000],
    ] as const) {
      expect(bestBatch(aRun(a, r), 5, serving)).toBeGreaterThan(11);
      expect(bestBatch(aRun(a, r), 5, serving)).toBeLessThan(13);
    }
    expect(gpuSecondsOf(10)).toBeLessThan(gpuSecondsOf(4));
    expect(gpuSecondsOf(10)).toBeLessThan(gpuSecondsOf(24));
  });

  it('the longest run: where the thoughts alone fill the window', () => {
    expect(longestRun(aRun(400, 4_000), 5, limitTokens)).toBe(537);
    expect(longestRun(aRun(600, 4_000), 5, limitTokens)).toBe(364);
    expect(longestRun(aRun(356, 4_000), 5, limitTokens)).toBeGreaterThanOrEqual(600);
  });

  it('cold prefill by model: at 32K, 118K and 244K', () => {
    expect(coldSecondsOf('qwen3-8b')).toEqual([2.1, 15, 54]);
    expect(coldSecondsOf('qwen3-30b-a3b')).toEqual([1.5, 16, 63]);
    expect(coldSecondsOf('qwen2.5-72b')).toEqual([15, 89, 280]);
    expect(coldSecondsOf('qwen3-235b-a22b')).toEqual([7.5, 67, 260]);
  });

  it('seconds of prefill and decode for a token', () => {
    expect(decodeSecondsPerPair(serving)).toBeCloseTo(4.95e-8, 10);
    expect(prefillSecondsPerToken(serving, 118_000)).toBeGreaterThan(2.3e-4);
    expect(prefillSecondsPerToken(serving, 118_000)).toBeLessThan(4.3e-4);
  });
});

describe('prompts of a run, turn by turn', () => {
  it.each([1, 12, Number.POSITIVE_INFINITY])(
    'B = %s: the shared prefix never exceeds the prompt before and its reply',
    (batch) => {
      let before = 0;
      for (const prompt of promptsOf(aRun(300, 4_000), retention(batch).policy, limitTokens)) {
        expect(prompt.sharedTokens).toBeLessThanOrEqual(prompt.promptTokens);
        expect(prompt.sharedTokens).toBeLessThanOrEqual(before === 0 ? 0 : before + 300);
        expect(prompt.promptTokens).toBeLessThanOrEqual(limitTokens);
        before = prompt.promptTokens;
      }
    },
  );
});

describe('a trim', () => {
  const policy = { keep: 5, batch: 12, pressureTokens: 244_760 };
  it.each([
    // observations, first live, prompt tokens → first live
    [16, 0, 70_000, 0],
    [17, 0, 74_000, 12],
    [28, 12, 80_000, 12],
    [29, 12, 84_000, 24],
    [10, 0, 244_760, 0],
    [10, 0, 244_761, 5],
    [3, 0, 300_000, 0],
    [20, 19, 300_000, 19],
  ])('%i observations, %i masked, %i tokens → %i masked', (observations, firstLive, ...[promptTokens, next]) => {
    expect(nextFirstLive(policy, { observations, firstLive, promptTokens })).toBe(next);
  });

  it('B = 1: the same view as masking the oldest at every turn', () => {
    let firstLive = 0;
    for (let observations = 0; observations < 50; observations += 1) {
      firstLive = nextFirstLive(
        { keep: 5, batch: 1, pressureTokens: null },
        { observations, firstLive, promptTokens: 0 },
      );
      expect(firstLive).toBe(Math.max(0, observations - 5));
    }
  });
});

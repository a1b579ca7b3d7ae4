import { describe, expect, it } from 'vitest';
import { advise, type AdviceRequest } from '../../../domain/pool/advice.ts';
import { h200, modelShapes } from '../../../domain/pool/gpu-facts.ts';

const request = (change: Partial<AdviceRequest> = {}): AdviceRequest => ({
  replicas: 8,
  windowTokens: 262_144,
  maxTokens: 16_384,
  keep: 5,
  toolSeconds: 5,
  run: { systemTokens: 4_000, replyTokens: 300, observationTokens: 4_000, placeholderTokens: 15, turns: 600 },
  serving: { model: modelShapes['qwen3-30b-a3b'], hardware: h200 },
  ...change,
});

describe('advice for a pool', () => {
  const advice = advise(request());

  it('the batch: the cheapest of all, between 8 and 12, near the formula’s', () => {
    expect(advice.batch).toBeGreaterThanOrEqual(8);
    expect(advice.batch).toBeLessThanOrEqual(12);
    expect(Math.abs(advice.batchByFormula - 12)).toBeLessThan(0.1);
    const best = advice.table.find(({ batch }) => batch === advice.batch);
    for (const row of advice.table) expect(row.gpuSeconds).toBeGreaterThanOrEqual(best?.gpuSeconds ?? Number.NaN);
  });

  it('what fits: the window without a reply and a margin, and contexts by the cache', () => {
    expect(advice.usableTokens).toBe(244_760);
    expect(advice.kvTokens).toBe(808_277);
    expect(advice.runsPerReplica).toBe(5);
    expect(advice.runs).toBe(40);
  });

  it('twice the replicas: twice the pace, the same turn', () => {
    const twice = advise(request({ replicas: 16 }));
    expect(twice.turnsPerSecond).toBeCloseTo(2 * advice.turnsPerSecond, 9);
    expect(twice.turnSeconds).toBe(advice.turnSeconds);
  });

  it('long thoughts: the run ends before its turns, and the advice says where', () => {
    const { longestRun, table } = advise(request({ run: { ...request().run, replyTokens: 600 } }));
    expect(longestRun).toBe(364);
    expect(table.find(({ batch }) => batch === 8)?.turns).toBe(360);
  });

  it('a cache smaller than one context: one run a replica', () => {
    const hardware = { ...h200, kvBytes: h200.kvBytes / 20 };
    expect(advise(request({ serving: { ...request().serving, hardware } })).runsPerReplica).toBe(1);
  });
});

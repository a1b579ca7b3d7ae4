import { describe, expect, it } from 'vitest';
import { type Carry, carrySchema } from '../../domain/carry.ts';
import { limitsSchema } from '../../domain/budget.ts';
import { toPreview } from '../../domain/receipt.ts';
import { maxCallsPerMessage } from '../../domain/tools.ts';
import { aCarry, aDigest, anotherRunId, someLimits } from '../support/facts.ts';

/** The largest state that a run of 600 turns can have. */
function largest(): Carry {
  const call = { tool: 'x'.repeat(64), pool: 'sandbox' as const, callIndex: 99 };
  const pending = {
    modelSeq: 9_999,
    modelRecordDigest: aDigest,
    doneTokens: 0,
    calls: Array.from({ length: maxCallsPerMessage + 1 }, () => call),
  };
  return aCarry(
    {
      tenant: 'a'.repeat(63),
      parent: { runId: anotherRunId, uptoSeq: 99_999, head: aDigest },
      observationTokens: Array.from({ length: 600 }, () => 1_600_000),
      thoughtTokens: 9_830_400,
      startedAtMs: 1_800_000_000_000,
      promptScale: 8_000,
      pending,
      finalizing: { limitHit: 'context_exhausted' },
    },
    {
      question: toPreview('😀'.repeat(10_000)),
      readerReserve: { promptTokens: 204_800, completionTokens: 8_192 },
      readerTools: ['scrape_and_extract_info'],
      prices: { inputMicroUsdPerMillion: 1e9, cachedMicroUsdPerMillion: 1e9, outputMicroUsdPerMillion: 1e9 },
      limits: someLimits({ maxTokens: 1e12, maxCostMicroUsd: 1e12 }),
    },
  );
}

describe('the carry', () => {
  it('at turn 600, at its largest: under 32 KB of JSON', () => {
    expect(Buffer.byteLength(JSON.stringify(largest()))).toBeLessThanOrEqual(32 * 1_024);
  });

  it('through JSON and the schema: the same state', () => {
    expect(carrySchema.parse(JSON.parse(JSON.stringify(largest())))).toEqual(largest());
  });

  it.each([
    ['a member more', { more: 1 }],
    ['another version', { schemaVersion: 2 }],
    ['a part of a token', { thoughtTokens: 0.5 }],
    ['a scale under one', { promptScale: 999 }],
  ])('%s: refused', (_, change) => {
    expect(carrySchema.safeParse({ ...aCarry(), ...change }).success).toBe(false);
  });
});

describe('limits', () => {
  it.each([
    ['no turn', { maxTurns: 0 }],
    ['half a turn', { maxTurns: 1.5 }],
    ['negative money', { maxCostMicroUsd: -1 }],
    ['under a second', { maxWallMs: 999 }],
    ['an unknown way to end', { onExceed: 'ignore' }],
    ['a limit that is left out', { maxTokens: undefined }],
  ])('%s: refused', (_, change) => {
    expect(limitsSchema.safeParse({ ...someLimits(), ...change }).success).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { applyModel, applyModelFailure, applyTools, type CallResult } from '../../domain/apply-step.ts';
import { checkReservations, costOf, type Prices, type Reservation } from '../../domain/budget.ts';
import type { Carry } from '../../domain/carry.ts';
import { type Action, decideNext } from '../../domain/decide-next.ts';
import type { RunEnd } from '../../domain/outcome.ts';
import { reserveModelCall } from '../../domain/prompt-bound.ts';
import type { CallRef } from '../../domain/receipt.ts';
import { noUsage } from '../../domain/usage.ts';
import { aCarry, aDigest, aModelReceipt, aToolReceipt, someLimits } from '../support/facts.ts';
import { createRandom, type Random } from '../support/random.ts';

const scrape = 'scrape_and_extract_info';

function aRun(random: Random): Carry {
  const prices: Prices = {
    inputMicroUsdPerMillion: random.between(0, 3_000_000),
    cachedMicroUsdPerMillion: random.between(0, 3_000_000),
    outputMicroUsdPerMillion: random.between(1, 15_000_000),
  };
  const maxTokens = random.chance(0.7) ? random.between(1, 400_000) : null;
  const maxCostMicroUsd = random.chance(0.7) ? random.between(0, 500_000) : null;
  const limits = someLimits({
    maxTurns: random.between(1, 60),
    maxToolCalls: random.between(0, 60),
    maxTokens,
    maxCostMicroUsd,
  });
  return aCarry(
    {},
    {
      limits,
      prices,
      keep: random.pick([-1, 0, 1, 5]),
      windowTokens: random.between(2_048, 100_000),
      maxTokens: random.between(16, 8_000),
      readerReserve: { promptTokens: random.between(1, 30_000), completionTokens: random.between(1, 4_000) },
      readerTools: [scrape],
    },
  );
}

/** Any usage up to what was reserved, often all of it. */
function useUpTo(random: Random, reserved: Reservation) {
  const part = (most: number) => (random.chance(0.4) ? most : random.between(0, most));
  const inputTokens = part(reserved.promptTokens);
  return { inputTokens, outputTokens: part(reserved.completionTokens), cachedTokens: random.between(0, inputTokens) };
}

function someCalls(random: Random): CallRef[] {
  return Array.from({ length: random.between(0, 4) }, (_, callIndex) =>
    random.chance(0.1)
      ? { tool: 'telescope', pool: null, callIndex }
      : { tool: random.pick([scrape, 'echo']), pool: 'web' as const, callIndex },
  );
}

function performModel(random: Random, state: Carry, action: Extract<Action, { type: 'model' }>) {
  if (random.chance(0.03)) {
    const failure = { type: random.pick(['Model.ContextOverflow', 'Model.Failed', 'Step.TimedOut']), message: 'no' };
    return applyModelFailure(state, action, { recordDigest: aDigest, nowMs: 1_000_000, failure });
  }
  const usage = useUpTo(random, reserveModelCall(state, action.purpose, action.firstLive));
  const calls = action.purpose === 'final' ? [] : someCalls(random);
  const stop = calls.length > 0 ? 'calls' : random.pick(['end', 'malformed', 'length'] as const);
  const costMicroUsd = costOf(usage, state.facts.prices);
  const contentTokens = Math.max(1, usage.outputTokens);
  return applyModel(
    state,
    action,
    aModelReceipt({ usage, costMicroUsd, calls, stop, contentTokens, boxed: random.chance(0.5) }),
  );
}

function performTools(random: Random, state: Carry, planned: Extract<Action, { type: 'tools' }>['planned']): Carry {
  const results = planned.map(({ call, refusal }): CallResult => {
    const executed = refusal === null;
    const reads = executed && call.tool === scrape && state.facts.readerReserve !== null;
    const usage = reads ? useUpTo(random, state.facts.readerReserve!) : noUsage;
    const contentTokens = random.between(0, 20_000);
    const costMicroUsd = reads ? costOf(usage, state.facts.prices) : 0;
    return { receipt: aToolReceipt({ usage, costMicroUsd, contentTokens }), executed };
  });
  return applyTools(state, results);
}

function expectWithin({ spent, facts: { limits } }: Carry): void {
  if (limits.maxTokens !== null) expect(spent.inputTokens + spent.outputTokens).toBeLessThanOrEqual(limits.maxTokens);
  if (limits.maxCostMicroUsd !== null) expect(spent.costMicroUsd).toBeLessThanOrEqual(limits.maxCostMicroUsd);
  expect(spent.toolCalls).toBeLessThanOrEqual(limits.maxToolCalls);
  expect(spent.turns).toBeLessThanOrEqual(limits.maxTurns);
}

/** Plays a run to its end, checking every state. */
function play(random: Random): { end: RunEnd; state: Carry; sawFinal: boolean } {
  let state = aRun(random);
  let sawFinal = false;
  for (let steps = 0; steps < 1_000; steps += 1) {
    const action = decideNext(state, 1_000_000);
    if (action.type === 'end') return { end: action.end, state, sawFinal };
    if (action.type === 'tools') {
      state = performTools(random, state, action.planned);
      expectWithin(state);
      continue;
    }
    const call = reserveModelCall(state, action.purpose, action.firstLive);
    expect(checkReservations({ ...state.facts, spent: state.spent }, [call])).toBeNull();
    expect(call.promptTokens).toBeLessThanOrEqual(state.facts.windowTokens);
    sawFinal ||= action.purpose === 'final';
    const applied = performModel(random, state, action);
    state = applied.state;
    expectWithin(state);
    if (applied.end !== null) return { end: applied.end, state, sawFinal };
  }
  throw new Error('the run never ended');
}

describe('any run whose calls use no more than was reserved', () => {
  it('3,000 random runs: no limit is ever exceeded, and each ends with a true reason', () => {
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= 3_000; seed += 1) {
      const { end, sawFinal } = play(createRandom(seed));
      ends.set(end.outcome, (ends.get(end.outcome) ?? 0) + 1);
      const spoke = end.outcome === 'answered' || end.outcome === 'abstained';
      expect(spoke && !sawFinal).toBe(false);
      expect(end.outcome === 'budget_exhausted' && end.limitHit === null).toBe(false);
      expect(end.outcome === 'failed').toBe(end.stopReason === 'error');
    }
    // The runs reach every kind of end, or this test shows nothing.
    for (const outcome of ['answered', 'abstained', 'budget_exhausted', 'failed']) {
      expect(ends.get(outcome) ?? 0).toBeGreaterThan(50);
    }
  });
});

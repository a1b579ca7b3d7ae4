import { describe, expect, it } from 'vitest';
import { applyTools } from '../../domain/apply-step.ts';
import type { Carry, PendingCalls } from '../../domain/carry.ts';
import { decideNext } from '../../domain/decide-next.ts';
import { boundPrompt } from '../../domain/prompt-bound.ts';
import { aCarry, aDigest, aToolReceipt, someLimits } from '../support/facts.ts';

const now = 1_000_000;
const prices = { inputMicroUsdPerMillion: 1_000_000, cachedMicroUsdPerMillion: 0, outputMicroUsdPerMillion: 1_000_000 };
const pending = (...calls: PendingCalls['calls']): PendingCalls => ({
  modelSeq: 0,
  modelRecordDigest: aDigest,
  calls,
  doneTokens: 0,
});
const echo = (callIndex: number) => ({ tool: 'echo', pool: 'tools' as const, callIndex });
const scrape = (callIndex: number) => ({ tool: 'scrape_and_extract_info', pool: 'web' as const, callIndex });

const withLimits = (
  limits: Parameters<typeof someLimits>[0],
  spent: Partial<Carry['spent']> = {},
  facts: Partial<Carry['facts']> = {},
) => {
  const carry = aCarry({}, { limits: someLimits(limits), ...facts });
  return { ...carry, spent: { ...carry.spent, ...spent } };
};

describe('the next action', () => {
  it('a fresh run: its first turn, with everything in view', () => {
    expect(decideNext(aCarry(), now)).toEqual({ type: 'model', purpose: 'turn', firstLive: 0, limitHit: null });
  });

  it('after seven observations with K = 5: the two oldest out of view, three before the final answer', () => {
    const state = aCarry({ observationTokens: Array.from({ length: 7 }, () => 10) });
    expect(decideNext(state, now)).toMatchObject({ purpose: 'turn', firstLive: 2 });
    expect(decideNext({ ...state, finalizing: { limitHit: null } }, now)).toMatchObject({
      purpose: 'final',
      firstLive: 3,
    });
  });

  it.each([
    ['turns', withLimits({ maxTurns: 3 }, { turns: 3 }), now, 'max_turns'],
    ['tool calls', withLimits({ maxToolCalls: 3 }, { toolCalls: 3 }), now, 'max_tool_calls'],
    ['no tool calls at all', withLimits({ maxToolCalls: 0 }), now, 'max_tool_calls'],
    ['wall time', withLimits({ maxWallMs: 1_000 }), now + 1_000, 'deadline'],
    ['tokens', withLimits({ maxTokens: 60_000 }, { inputTokens: 20_000 }), now, 'budget_reached'],
    ['money', withLimits({ maxCostMicroUsd: 60_000 }, { costMicroUsd: 20_000 }, { prices }), now, 'budget_reached'],
    ['context', withLimits({}, {}, { windowTokens: 18_799 }), now, 'context_exhausted'],
  ])('the limit of %s reached: the final answer, naming the limit', (_, state, ...[atMs, limitHit]) => {
    expect(decideNext(state, atMs)).toMatchObject({ type: 'model', purpose: 'final', limitHit });
  });

  it.each([
    ['turns', withLimits({ maxTurns: 3 }, { turns: 2 }), now],
    ['tool calls', withLimits({ maxToolCalls: 3 }, { toolCalls: 2 }), now],
    ['wall time', withLimits({ maxWallMs: 1_000 }), now + 999],
    ['tokens', withLimits({ maxTokens: 60_000 }), now],
    ['money', withLimits({ maxCostMicroUsd: 60_000 }, { costMicroUsd: 0 }, { prices }), now],
    ['context', withLimits({}, {}, { windowTokens: 18_800 }), now],
  ])('the limit of %s not reached yet: another turn', (_, state, atMs) => {
    expect(decideNext(state, atMs)).toMatchObject({ type: 'model', purpose: 'turn' });
  });

  it.each([
    ['tokens', withLimits({ maxTokens: 10_000 }), 'budget_reached'],
    ['money', withLimits({ maxCostMicroUsd: 10_000 }, { costMicroUsd: 0 }, { prices }), 'budget_reached'],
    ['window', withLimits({}, {}, { windowTokens: 2_000 }), 'context_exhausted'],
  ])('too little %s even for the final answer: the run ends, and never says answered', (_, state, reason) => {
    expect(decideNext(state, now)).toEqual({
      type: 'end',
      end: { outcome: 'budget_exhausted', stopReason: reason, limitHit: reason, failure: null },
    });
  });

  it('an agent that ended by itself, without money left for the answer: out of budget', () => {
    const state = { ...withLimits({ maxTokens: 10_000 }), finalizing: { limitHit: null } };
    expect(decideNext(state, now)).toMatchObject({
      type: 'end',
      end: { outcome: 'budget_exhausted', stopReason: 'budget_reached' },
    });
  });
});

describe('the final answer when space is short', () => {
  const observations = [1_000, 1_000, 9_000, 9_000, 9_000];

  it.each([
    ['window', aCarry({ observationTokens: observations }, { windowTokens: 40_000 })],
    ['tokens', withLimits({ maxTokens: 40_000 })],
    ['money', withLimits({ maxCostMicroUsd: 40_000 }, { costMicroUsd: 0 }, { prices })],
  ])('%s: fewer observations are shown, so that there is an answer', (_, base) => {
    const state = { ...base, observationTokens: observations, finalizing: { limitHit: null } };
    const action = decideNext(state, now);
    expect(action).toMatchObject({ type: 'model', purpose: 'final' });
    if (action.type !== 'model') return;
    expect(action.firstLive).toBeGreaterThan(1);
    expect(action.firstLive).toBeLessThan(5);
    const fits = (firstLive: number) => boundPrompt(state, 'final', firstLive) + state.facts.maxTokens <= 40_000;
    expect(fits(action.firstLive)).toBe(true);
    expect(fits(action.firstLive - 1)).toBe(false);
  });
});

const plan = (state: Carry, atMs = now) => {
  const action = decideNext(state, atMs);
  if (action.type !== 'tools') throw new Error(`expected tools, got ${action.type}`);
  return action.planned.map(({ refusal }) => refusal?.type ?? 'runs');
};

describe('the calls of a message', () => {
  it('pending calls: before anything else, also when a limit is reached', () => {
    expect(plan({ ...withLimits({ maxTurns: 1 }, { turns: 1 }), pending: pending(echo(0), echo(1)) })).toEqual([
      'runs',
      'runs',
    ]);
  });

  it('a call that no pool runs: refused, and takes nothing from the others', () => {
    const refused = { tool: 'telescope', pool: null, callIndex: 0 };
    const state = { ...withLimits({ maxToolCalls: 1 }), pending: pending(refused, echo(1), echo(2)) };
    expect(plan(state)).toEqual(['Tool.Refused', 'runs', 'Budget.Exceeded']);
  });

  it('more calls than the run has left: the first ones run', () => {
    const state = { ...withLimits({ maxToolCalls: 5 }, { toolCalls: 3 }), pending: pending(echo(0), echo(1), echo(2)) };
    expect(plan(state)).toEqual(['runs', 'runs', 'Budget.Exceeded']);
  });

  it('out of time: none runs', () => {
    expect(plan({ ...withLimits({ maxWallMs: 1_000 }), pending: pending(echo(0), echo(1)) }, now + 1_000)).toEqual([
      'Budget.Exceeded',
      'Budget.Exceeded',
    ]);
  });

  it('calls that read pages: as many as fit beside the final answer; other tools need no reserve', () => {
    const facts = {
      readerReserve: { promptTokens: 9_000, completionTokens: 1_000 },
      readerTools: ['scrape_and_extract_info'],
    };
    const state = {
      ...withLimits({ maxTokens: 40_000 }, {}, facts),
      pending: pending(scrape(0), scrape(1), echo(2), scrape(3)),
    };
    expect(plan(state)).toEqual(['runs', 'runs', 'runs', 'Budget.Exceeded']);
  });

  it('after the calls: nothing pending, one observation, each slot used', () => {
    const state = { ...aCarry({ nextSeq: 1 }), pending: pending(echo(0), echo(1)) };
    const after = applyTools(state, [
      { receipt: aToolReceipt({ contentTokens: 5 }), executed: true },
      { receipt: aToolReceipt({ contentTokens: 7, status: 'failed' }), executed: false },
    ]);
    expect(after).toMatchObject({ pending: null, nextSeq: 3, observationTokens: [12], spent: { toolCalls: 1 } });
    expect(after.head).not.toBe(state.head);
  });
});

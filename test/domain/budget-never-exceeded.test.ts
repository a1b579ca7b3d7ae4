import { describe, expect, it } from 'vitest';
import {
  applyGivenUp,
  applyMessage,
  applyModel,
  applyModelFailure,
  applyTools,
  type CallResult,
} from '../../domain/apply-step.ts';
import { checkReservations, costOf, type Prices, type Reservation } from '../../domain/budget.ts';
import type { Carry } from '../../domain/carry.ts';
import { type Action, decideNext } from '../../domain/decide-next.ts';
import { applyHold, type HeldRun, type Hold, judgeHold } from '../../domain/holds.ts';
import type { RunEnd } from '../../domain/outcome.ts';
import { reserveModelCall } from '../../domain/prompt-bound.ts';
import type { CallRef } from '../../domain/receipt.ts';
import { noUsage, type TokenUsage } from '../../domain/usage.ts';
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
    onExceed: random.pick(['finalize', 'finalize', 'pause', 'fail']),
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

/** What was spent in truth: what the records say, and what attempts had used up when they were killed. */
interface Ledger {
  /** Tokens and money of attempts that a crash cut off; nobody can know them, but each such attempt is listed. */
  lost: { readonly seq: number; readonly usage: TokenUsage }[];
  /** Deliveries of the records, as they are listed: one more than the attempts that were lost. */
  readonly deliveries: Map<number, number>;
  tokens: number;
}

type ModelAction = Extract<Action, { type: 'model' }>;

/** Attempts are at least once: some die after they were paid for, and the next one asks again within the same reservation. */
function deliver(random: Random, ledger: Ledger, { state, action }: { state: Carry; action: ModelAction }): void {
  const reserved = reserveModelCall(state, action.purpose, action.firstLive);
  let delivery = 1;
  for (; random.chance(0.15); delivery += 1) {
    const usage = useUpTo(random, reserved);
    ledger.lost.push({ seq: state.nextSeq, usage });
    ledger.tokens += usage.inputTokens + usage.outputTokens;
  }
  ledger.deliveries.set(state.nextSeq, delivery);
}

function performModel(random: Random, state: Carry, action: ModelAction) {
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

function toHeldRun({ holds, facts, pending, nextSeq }: Carry): HeldRun {
  const pendingSeqs = (pending?.calls ?? []).map((_, index) => nextSeq + index);
  return { holds, limits: facts.limits, pendingSeqs, blocked: new Map(), isEnding: false };
}

/** What people do to runs, sense or nonsense. */
function someHold(random: Random, { facts: { limits }, nextSeq }: Carry): Hold {
  const holder = { by: 'ann', why: '' };
  const more = (limit: number | null) => (limit === null ? null : limit + random.between(0, 50_000));
  return random.pick<Hold>([
    { type: 'pause', ...holder },
    { type: 'resume', ...holder },
    { type: 'steer', ...holder, digest: aDigest, tokens: random.between(1, 2_000) },
    { type: 'budget', ...holder, limits: { maxTurns: limits.maxTurns + random.between(-5, 5) } },
    {
      type: 'budget',
      ...holder,
      limits: { maxTokens: more(limits.maxTokens), maxCostMicroUsd: more(limits.maxCostMicroUsd) },
    },
    { type: 'step', ...holder, seq: nextSeq, action: random.pick(['skip', 'retry', 'deny']), digest: null },
    { type: 'finalize', ...holder },
  ]);
}

/** Takes a hold as a validator would: refused ones leave no trace. */
function hold(state: Carry, taken: Hold, updateId: string): Carry {
  const run = toHeldRun(state);
  if (judgeHold(run, taken) !== null) return state;
  const { holds, limits } = applyHold(run, taken, { nowMs: 1_000_000, updateId });
  return { ...state, holds, facts: { ...state.facts, limits } };
}

function expectWithin({ spent, facts: { limits } }: Carry): void {
  if (limits.maxTokens !== null) expect(spent.inputTokens + spent.outputTokens).toBeLessThanOrEqual(limits.maxTokens);
  if (limits.maxCostMicroUsd !== null) expect(spent.costMicroUsd).toBeLessThanOrEqual(limits.maxCostMicroUsd);
  expect(spent.toolCalls).toBeLessThanOrEqual(limits.maxToolCalls);
  expect(spent.turns).toBeLessThanOrEqual(limits.maxTurns);
}

interface Played {
  readonly end: RunEnd;
  readonly state: Carry;
  readonly sawFinal: boolean;
  readonly ledger: Ledger;
}

/** Plays a run to its end under whatever people and crashes do to it, checking every state. */
function play(random: Random): Played {
  let state = aRun(random);
  let sawFinal = false;
  const ledger: Ledger = { lost: [], deliveries: new Map(), tokens: 0 };
  for (let steps = 0; steps < 2_000; steps += 1) {
    if (random.chance(0.08)) state = hold(state, someHold(random, state), `hold-${steps}`);
    const action = decideNext(state, 1_000_000);
    if (action.type === 'end') return { end: action.end, state, sawFinal, ledger };
    const next = take(random, state, { action, ledger, steps });
    state = next.state;
    expectWithin(state);
    if (action.type === 'model') sawFinal ||= action.purpose === 'final';
    if (next.end !== null) return { end: next.end, state, sawFinal, ledger };
  }
  throw new Error('the run never ended');
}

function take(
  random: Random,
  state: Carry,
  { action, ledger, steps }: { action: Exclude<Action, { type: 'end' }>; ledger: Ledger; steps: number },
): { readonly state: Carry; readonly end: RunEnd | null } {
  if (action.type === 'tools') return { state: performTools(random, state, action.planned), end: null };
  if (action.type === 'message')
    return { state: applyMessage(state, { recordDigest: aDigest, tokens: action.message.tokens }), end: null };
  if (action.type === 'wait') {
    const paused: Carry = { ...state, holds: { ...state.holds, paused: action.pause } };
    const way = action.pause.cause === 'person' ? ('resume' as const) : ('finalize' as const);
    return { state: hold(paused, { type: way, by: 'ann', why: '' }, `wait-${steps}`), end: null };
  }
  const call = reserveModelCall(state, action.purpose, action.firstLive);
  expect(checkReservations({ ...state.facts, spent: state.spent }, [call])).toBeNull();
  expect(call.promptTokens).toBeLessThanOrEqual(state.facts.windowTokens);
  if (random.chance(0.01)) return { state: applyGivenUp(state, aDigest), end: null };
  deliver(random, ledger, { state, action });
  const before = state.spent.inputTokens + state.spent.outputTokens;
  const applied = performModel(random, state, action);
  ledger.tokens += applied.state.spent.inputTokens + applied.state.spent.outputTokens - before;
  return applied;
}

describe('any run whose calls use no more than was reserved, held and crashed at will', () => {
  it('4,000 random runs: no limit is ever exceeded, and each ends with a true reason', () => {
    const ends = new Map<string, number>();
    let lost = 0;
    for (let seed = 1; seed <= 4_000; seed += 1) {
      const { end, sawFinal, ledger } = play(createRandom(seed));
      ends.set(end.outcome, (ends.get(end.outcome) ?? 0) + 1);
      const spoke = end.outcome === 'answered' || end.outcome === 'abstained';
      expect(spoke && !sawFinal).toBe(false);
      expect(end.outcome === 'budget_exhausted' && end.limitHit === null).toBe(false);
      expect(end.outcome === 'failed').toBe(end.stopReason === 'error');
      // What was spent beyond the records is that of attempts which a crash cut off, and each of them is listed by its slot.
      const listed = [...ledger.deliveries].flatMap(([seq, delivery]) =>
        Array.from({ length: delivery - 1 }, () => seq),
      );
      expect(listed).toEqual(ledger.lost.map(({ seq }) => seq));
      lost += ledger.lost.length;
    }
    // The runs reach every kind of end, or this test shows nothing.
    for (const outcome of ['answered', 'abstained', 'budget_exhausted', 'failed']) {
      expect(ends.get(outcome) ?? 0).toBeGreaterThan(50);
    }
    expect(lost).toBeGreaterThan(1_000);
  });
});

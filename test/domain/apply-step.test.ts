import { describe, expect, it } from 'vitest';
import { applyModel, applyModelFailure, applyTools } from '../../domain/apply-step.ts';
import { type Action, decideNext } from '../../domain/decide-next.ts';
import { boundPrompt } from '../../domain/prompt-bound.ts';
import { extendHead } from '../../domain/record.ts';
import { digestText } from '../../domain/digest.ts';
import { aCarry, aModelReceipt, aToolReceipt, someLimits } from '../support/facts.ts';

type ModelAction = Extract<Action, { type: 'model' }>;
const turn: ModelAction = { type: 'model', purpose: 'turn', firstLive: 0, limitHit: null };
const final: ModelAction = { ...turn, purpose: 'final' };
const finalAt: ModelAction = { ...final, limitHit: 'max_turns' };

const used = (inputTokens: number) => aModelReceipt({ usage: { inputTokens, outputTokens: 0, cachedTokens: 0 } });

describe('a model receipt', () => {
  it('with calls: they are pending, slot, turn and usage are counted, the head goes on', () => {
    const recordDigest = digestText('r');
    const state = aCarry({ nextSeq: 4, rejectedInRow: 3 });
    const { state: next, end } = applyModel(state, turn, aModelReceipt({ recordDigest }));
    expect(end).toBeNull();
    expect(next).toMatchObject({
      nextSeq: 5,
      head: extendHead(state.head, recordDigest),
      spent: { turns: 1, inputTokens: 1_000, outputTokens: 100, costMicroUsd: null },
      thoughtTokens: 100,
      rejectedInRow: 0,
      pending: { modelSeq: 4, modelRecordDigest: recordDigest, calls: [{ tool: 'echo', pool: 'tools', callIndex: 0 }] },
      usesSandbox: false,
    });
  });

  it('with a call to the sandbox: the run has one to remove from then on', () => {
    const call = { tool: 'run_command', pool: 'sandbox' as const, callIndex: 0 };
    const { state } = applyModel(aCarry(), turn, aModelReceipt({ calls: [call] }));
    expect(state.usesSandbox).toBe(true);
    const answered = { receipt: aToolReceipt(), executed: true };
    expect(applyModel(applyTools(state, [answered]), turn, aModelReceipt()).state.usesSandbox).toBe(true);
  });

  it('without calls: the final answer is next, by no limit', () => {
    const { state, end } = applyModel(aCarry(), turn, aModelReceipt({ stop: 'end', calls: [] }));
    expect(end).toBeNull();
    expect(decideNext(state, 1_000_000)).toMatchObject({ type: 'model', purpose: 'final', limitHit: null });
  });

  it.each(['malformed', 'length'] as const)(
    '%s: thrown away four times in a row, the fifth leads to the final answer',
    (stop) => {
      let state = aCarry();
      for (let round = 1; round <= 5; round += 1) {
        ({ state } = applyModel(state, turn, aModelReceipt({ stop, calls: [] })));
        expect(state).toMatchObject({
          rejectedInRow: round,
          nextSeq: round,
          thoughtTokens: 0,
          pending: null,
          spent: { turns: round },
        });
        expect(decideNext(state, 1_000_000)).toMatchObject({ purpose: round <= 4 ? 'turn' : 'final' });
      }
    },
  );

  it('a good reply between bad ones: the count begins again', () => {
    const bad = aModelReceipt({ stop: 'malformed', calls: [] });
    let { state } = applyModel(aCarry({ rejectedInRow: 4 }), turn, aModelReceipt());
    state = applyTools(state, [{ receipt: aToolReceipt(), executed: true }]);
    expect(applyModel(state, turn, bad).state).toMatchObject({ rejectedInRow: 1, finalizing: null });
  });

  it.each([
    { name: 'boxed', action: final, boxed: true, outcome: 'answered', limitHit: null },
    { name: 'without a box', action: final, boxed: false, outcome: 'abstained', limitHit: null },
    { name: 'boxed, at a limit', action: finalAt, boxed: true, outcome: 'answered', limitHit: 'max_turns' },
    { name: 'without a box, at a limit', action: finalAt, boxed: false, outcome: 'abstained', limitHit: 'max_turns' },
  ])('of the final answer, $name: $outcome, and no turn more', ({ action, boxed, outcome, limitHit }) => {
    const applied = applyModel(aCarry(), action, aModelReceipt({ boxed, stop: 'end', calls: [] }));
    expect(applied.end).toEqual({ outcome, stopReason: outcome, limitHit, failure: null });
    expect(applied.state.spent.turns).toBe(0);
  });

  it('more prompt tokens than were estimated: later bounds grow, never shrink, and not without a bound', () => {
    const estimate = boundPrompt(aCarry(), 'turn');
    const twice = applyModel(aCarry(), turn, used(2 * estimate)).state;
    expect(twice.promptScale).toBe(2_000);
    expect(applyModel({ ...twice, pending: null }, turn, used(1)).state.promptScale).toBe(2_000);
    expect(applyModel(aCarry(), turn, used(1_000 * estimate)).state.promptScale).toBe(8_000);
  });
});

const failed = (type: string, nowMs = 1_000_000) => ({
  recordDigest: digestText('f'),
  nowMs,
  failure: { type, message: 'no' },
});

describe('a model call that failed for good', () => {
  it('refused credentials: the run fails, with the failure; the slot is used', () => {
    const { state, end } = applyModelFailure(aCarry(), turn, failed('Model.Auth'));
    expect(end).toEqual({
      outcome: 'failed',
      stopReason: 'error',
      limitHit: null,
      failure: { type: 'Model.Auth', message: 'no' },
    });
    expect(state).toMatchObject({ nextSeq: 1, spent: { turns: 1 }, head: extendHead(aCarry().head, digestText('f')) });
  });

  it.each([
    ['prompt longer than the window', failed('Model.ContextOverflow'), 'context_exhausted'],
    ['step out of time', failed('Step.TimedOut'), 'deadline'],
    ['anything after the deadline', failed('Model.Unavailable', 1_000_000 + 3_600_000), 'deadline'],
  ])('%s: the final answer is next', (_, failure, limitHit) => {
    const { state, end } = applyModelFailure(aCarry(), turn, failure);
    expect(end).toBeNull();
    expect(decideNext(state, failure.nowMs)).toMatchObject({ type: 'model', purpose: 'final', limitHit });
  });

  it('prompt longer than the window, though it was thought to fit: the final answer shows no observation', () => {
    const state = aCarry({ observationTokens: [10, 10, 10] });
    const applied = applyModelFailure(state, turn, failed('Model.ContextOverflow'));
    expect(decideNext(applied.state, 1_000_000)).toMatchObject({ purpose: 'final', firstLive: 3 });
  });

  it('of the final answer, by a limit: out of budget, with the failure beside it', () => {
    const { end } = applyModelFailure(aCarry(), final, failed('Model.ContextOverflow'));
    expect(end).toMatchObject({
      outcome: 'budget_exhausted',
      stopReason: 'context_exhausted',
      failure: { type: 'Model.ContextOverflow' },
    });
  });

  it('of the final answer, by a fault: failed', () => {
    expect(applyModelFailure(aCarry(), final, failed('Model.Failed')).end).toMatchObject({ outcome: 'failed' });
  });
});

describe('limits and the tool that costs', () => {
  it('usage of a tool: counts against tokens and money', () => {
    const prices = { inputMicroUsdPerMillion: 1, cachedMicroUsdPerMillion: 1, outputMicroUsdPerMillion: 1 };
    const receipt = aToolReceipt({ usage: { inputTokens: 70, outputTokens: 5, cachedTokens: 0 }, costMicroUsd: 9 });
    const state = applyTools(aCarry({}, { prices, limits: someLimits() }), [{ receipt, executed: true }]);
    expect(state.spent).toMatchObject({ inputTokens: 70, outputTokens: 5, costMicroUsd: 9, toolCalls: 1 });
  });
});

import { describe, expect, it } from 'vitest';
import { peerPrompts, toPrompts } from '../../../bench/prefill/peer.ts';
import { type Fleet, FleetSimulation, type Routing } from '../../../bench/prefill/simulate.ts';
import { idealTokens, referenceRun, serving, usableTokens } from '../../../bench/prefill/workload.ts';
import { promptsOf } from '../../../domain/pool/cost-model.ts';

const promptsWith = (batch: number) => [
  ...promptsOf(referenceRun, { keep: 5, batch, pressureTokens: usableTokens }, usableTokens),
];
/** One run, caches without end, every token found again: what the formulas assume. */
const alone: Fleet = {
  replicas: 1,
  cache: { tokens: 1_000_000, blockTokens: 1 },
  model: serving.model,
  runs: 1,
  startRounds: 1,
  replyTokens: 300,
  commonTokens: 4_000,
  seed: 1,
};
/** Whole blocks: a whole token is not worth eight times the time here. */
const eight: Fleet = { ...alone, replicas: 8, cache: { tokens: 1_000_000, blockTokens: 16 } };
const mtokOf = (fleet: Fleet, batch: number, routing: Routing) =>
  new FleetSimulation(fleet, promptsWith(batch), routing).run().prefillTokens / 1e6;

describe('the simulator against the figures of the model', () => {
  it.each([
    [1, 12.8],
    [8, 3.86],
    [12, 3.45],
    [Number.POSITIVE_INFINITY, 3],
  ])('B = %s, one replica: %f Mtok', (batch, mtok) => {
    expect(Number(mtokOf(alone, batch, 'affine').toFixed(2))).toBe(mtok);
  });

  it.each([
    [1, 14.14],
    [8, 16.81],
    [Number.POSITIVE_INFINITY, 19.59],
  ])('B = %s, a random one of eight at each turn: %f Mtok within 2 %', (batch, mtok) => {
    const seeds = [1, 2, 3, 4, 5];
    const sum = seeds.reduce((total, seed) => total + mtokOf({ ...eight, seed }, batch, 'random'), 0);
    expect(Math.abs(sum / seeds.length / mtok - 1)).toBeLessThan(0.02);
  });

  it('the smallest possible: every result once', () => {
    expect(idealTokens(referenceRun)).toBe(2_400_000);
  });

  it('the same seed twice: the same figures', () => {
    const fleet = { ...alone, replicas: 4, runs: 6, cache: { tokens: 300_000, blockTokens: 16 }, startRounds: 100 };
    const prompts = promptsWith(12).slice(0, 150);
    expect(new FleetSimulation(fleet, prompts, 'affine').run()).toEqual(
      new FleetSimulation(fleet, prompts, 'affine').run(),
    );
  });

  it('caches too small for all: runs wait for room instead of throwing each other out', () => {
    const fleet = { ...alone, replicas: 2, runs: 12, cache: { tokens: 300_000, blockTokens: 16 }, commonTokens: 0 };
    const prompts = promptsWith(12).slice(0, 300);
    const { prefillTokens, parked, turns } = new FleetSimulation(fleet, prompts, 'affine').run();
    const alonePerRun = prompts.reduce((sum, prompt) => sum + prompt.promptTokens - prompt.sharedTokens, 0);
    expect(turns).toBe(12 * 300);
    expect(parked).toBeGreaterThan(0);
    expect(prefillTokens / 12 / alonePerRun).toBeLessThan(1.3);
  });
});

describe('the peer', () => {
  it('its agent’s own prompts: results are cleared at its limit, stay cleared, and three are kept', async () => {
    const prompts = await peerPrompts({ ...referenceRun, turns: 45 });
    const cleared = prompts.map(({ firstLive }) => firstLive);
    expect(cleared.slice(0, 23)).toEqual(Array.from({ length: 23 }, () => 0));
    expect([...new Set(cleared)]).toEqual([0, 20, 38]);
    expect(cleared).toEqual(cleared.toSorted((left, right) => left - right));
  });

  it('a prompt after a clearing: shares with the one before what stands before the first cleared result', () => {
    const [, , third] = toPrompts({ ...referenceRun, turns: 3 }, [0, 0, 1]);
    expect(third).toEqual({ turn: 3, promptTokens: 4_000 + 600 + 3 + 4_000, sharedTokens: 4_300, firstLive: 1 });
  });
});

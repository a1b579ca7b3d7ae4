import { describe, expect, it } from 'vitest';
import { type ContextCount, fitsContext, keptWithoutPair } from '../../../domain/agent/context-check.ts';
import {
  isRepetitive,
  judgeFailedTry,
  judgeTry,
  maxTries,
  readTry,
  type TryFacts,
} from '../../../domain/agent/model-tries.ts';
import {
  countUserMessages,
  firstLiveBatched,
  firstLiveMessage,
  isMasked,
} from '../../../domain/agent/retained-view.ts';
import { agentRulesSchema, laterRules, paperRules, rulesByRelease } from '../../../domain/agent/rules.ts';
import { isLastAttempt, nextAttempt } from '../../../domain/agent/restarts.ts';
import { createRandom } from '../../support/random.ts';

const roles = (text: string) =>
  Array.from(text, (letter) => ({ role: { u: 'user', a: 'assistant', t: 'tool', s: 'system' }[letter] ?? '' }));
const mask = (text: string, keep: number) => {
  const messages = roles(text);
  const masked = isMasked(messages, firstLiveMessage(countUserMessages(messages), keep));
  return masked.map((one) => (one ? 'x' : '.')).join('');
};

describe('feature 20, retention', () => {
  it.each([
    ['uauauau', -1, '.......'],
    ['uauauau', 0, '..x.x.x'],
    ['uauauau', 1, '..x.x..'],
    ['uauauau', 2, '..x....'],
    ['uauauau', 9, '.......'],
    ['sutuat', 1, '..xx..'],
    ['aaa', 1, '...'],
    ['', 1, ''],
  ])('%s with K = %i: %s', (messages, keep, masked) => {
    expect(mask(messages, keep)).toBe(masked);
  });

  it('any history: the task and the replies stay, exactly min(K, n) others are in view', () => {
    const random = createRandom(31);
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: random.between(0, 12) }, () => random.pick(['u', 'a', 't', 's'])).join('');
      const keep = random.between(0, 6);
      const masked = mask(text, keep);
      const users = Array.from(text).filter((letter) => letter === 'u' || letter === 't').length;
      const live = Array.from(text).filter((letter, index) => 'ut'.includes(letter) && masked[index] === '.').length;
      expect(live).toBe(users === 0 ? 0 : 1 + Math.min(keep, users - 1));
      expect(Array.from(text).every((letter, index) => 'ut'.includes(letter) || masked[index] === '.')).toBe(true);
    }
  });

  it('batched: grows to K + B, then is cut to K; with B = 0 it is exact', () => {
    let previous = 0;
    const seen = Array.from(
      { length: 12 },
      (_, count) => (previous = firstLiveBatched({ keep: 2, batch: 3 }, count, previous)),
    );
    expect(seen).toEqual([0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8]);
    for (let count = 0; count < 9; count += 1) {
      expect(firstLiveBatched({ keep: 3, batch: 0 }, count, 0)).toBe(firstLiveMessage(count, 3));
    }
    expect(firstLiveBatched({ keep: -1, batch: 3 }, 50, 0)).toBe(0);
  });

  it('batched, when messages leave the history: never past exact K', () => {
    expect(firstLiveBatched({ keep: 2, batch: 4 }, 3, 8)).toBe(1);
  });
});

const count: ContextCount = {
  lastPromptTokens: 200_000,
  lastCompletionTokens: 1_000,
  lastMessageTokens: 0,
  summaryTokens: 0,
  maxTokens: 16_384,
  maxContext: 262_144,
};

describe('feature 22, the context check', () => {
  it.each([
    ['paper', paperRules, 2],
    ['later', laterRules, 1.5],
  ])('%s: the limit itself does not fit, one token less does', (_, rules, factor) => {
    const spare = count.maxContext - 200_000 - 1_000 - 16_384 - 1_000;
    const observation = Math.floor(spare / factor);
    const prompt = spare - Math.trunc(factor * observation);
    expect(fitsContext(rules, { ...count, lastMessageTokens: observation, lastPromptTokens: 200_000 + prompt })).toBe(
      false,
    );
    expect(fitsContext(rules, { ...count, lastMessageTokens: observation, lastPromptTokens: 199_999 + prompt })).toBe(
      true,
    );
  });

  it('factors: each count is rounded down by itself', () => {
    const odd = {
      ...count,
      lastPromptTokens: 0,
      lastCompletionTokens: 0,
      maxTokens: 0,
      lastMessageTokens: 1,
      summaryTokens: 1,
    };
    expect(fitsContext(laterRules, { ...odd, maxContext: 1_002 })).toBe(false);
    expect(fitsContext(laterRules, { ...odd, maxContext: 1_003 })).toBe(true);
  });

  it.each([
    [['user', 'assistant', 'user'], 1],
    [['user', 'assistant'], 1],
    [['system', 'user', 'assistant', 'user'], 2],
    [['user', 'user'], 1],
    [['assistant'], 0],
    [[], 0],
  ])('%j: %i stay', (list, kept) => {
    expect(keptWithoutPair(list)).toBe(kept);
  });
});

const fine: TryFacts = { finish: 'stop', empty: false, repeats: false, saysOverflow: false };

describe('feature 16, the tries of a model call', () => {
  it('later, cut replies: the room grows by a tenth, and the tenth is taken', () => {
    const tokens = [16_384];
    for (let number = 1; number < maxTries; number += 1) {
      const verdict = judgeTry(laterRules, { number, maxTokens: tokens.at(-1) ?? 0 }, { ...fine, finish: 'length' });
      if (verdict.type === 'again') tokens.push(verdict.maxTokens);
    }
    expect(tokens).toEqual([16_384, 18_022, 19_824, 21_806, 23_986, 26_384, 29_022, 31_924, 35_116, 38_627]);
    const last = { number: maxTries, maxTokens: 38_627 };
    expect(judgeTry(laterRules, last, { ...fine, finish: 'length' })).toEqual({ type: 'take', stop: false });
    expect(judgeTry(laterRules, last, { ...fine, finish: 'length', saysOverflow: true })).toEqual({
      type: 'take',
      stop: true,
    });
  });

  it('paper, cut replies: the same room ten times, then none is taken', () => {
    const cut = { ...fine, finish: 'length' as const };
    expect(judgeTry(paperRules, { number: 1, maxTokens: 100 }, cut)).toEqual({
      type: 'again',
      maxTokens: 100,
      cause: 'truncated',
    });
    expect(judgeTry(paperRules, { number: 10, maxTokens: 100 }, cut)).toEqual({ type: 'fail', cause: 'truncated' });
  });

  it('repetition: asked again; the tenth is taken later, not in the paper', () => {
    const repeating = { ...fine, repeats: true };
    expect(judgeTry(laterRules, { number: 9, maxTokens: 100 }, repeating)).toMatchObject({
      type: 'again',
      maxTokens: 100,
    });
    expect(judgeTry(laterRules, { number: 10, maxTokens: 100 }, repeating)).toEqual({ type: 'take', stop: false });
    expect(judgeTry(paperRules, { number: 10, maxTokens: 100 }, repeating)).toEqual({
      type: 'fail',
      cause: 'repetition',
    });
  });

  it('another end than these two: no reply, and not asked again', () => {
    expect(judgeTry(laterRules, { number: 1, maxTokens: 9 }, { ...fine, finish: 'other' })).toEqual({
      type: 'fail',
      cause: 'unsupported',
    });
  });

  it('failures: ten tries, but one when the prompt is too long', () => {
    expect(judgeFailedTry({ number: 9, maxTokens: 9 }, false)).toMatchObject({ type: 'again' });
    expect(judgeFailedTry({ number: 10, maxTokens: 9 }, false)).toMatchObject({ type: 'fail' });
    expect(judgeFailedTry({ number: 1, maxTokens: 9 }, true)).toMatchObject({ type: 'fail' });
  });

  it.each([
    ['the last 50 six times', 'x'.repeat(50).repeat(6), true],
    ['five times', 'x'.repeat(50).repeat(5), false],
    ['shorter than 50', 'x'.repeat(49), false],
    ['counted in code points', '🧭'.repeat(299), false],
    ['six times in code points', '🧭'.repeat(300), true],
    ['another end', `${'x'.repeat(400)}end`, false],
  ])('repetition test, %s: %j', (_, text, repeats) => {
    expect(isRepetitive(text)).toBe(repeats);
    expect(readTry(text, 'stop').repeats).toBe(repeats);
  });
});

const unanswered = (summary: string | null) => ({ kind: 'unanswered' as const, summary });

describe('feature 28, restarts', () => {
  it('six attempts with CCL 5: summaries are collected, one missing leaves the others', () => {
    const told: (readonly string[])[] = [];
    let attempts: { attempt: number; summaries: readonly string[] } | null = { attempt: 1, summaries: [] };
    for (const summary of ['a', null, 'c', 'd', 'e', 'f']) {
      if (attempts === null) break;
      told.push(attempts.summaries);
      attempts = nextAttempt(5, attempts, unanswered(summary));
    }
    expect(told).toEqual([[], ['a'], ['a'], ['a', 'c'], ['a', 'c', 'd'], ['a', 'c', 'd', 'e']]);
    expect(attempts).toBeNull();
    expect(isLastAttempt(5, 5)).toBe(false);
    expect(isLastAttempt(5, 6)).toBe(true);
  });

  it.each(['answered', 'crashed'] as const)('%s: no restart', (kind) => {
    expect(nextAttempt(5, { attempt: 1, summaries: [] }, { kind, summary: null })).toBeNull();
  });
});

describe('feature 31, the two rule sets', () => {
  it.each(Object.entries(rulesByRelease))('%s: valid, and every switch is named', (_, rules) => {
    expect(agentRulesSchema.parse(rules)).toEqual(rules);
  });

  it('they differ in switches alone', () => {
    expect(Object.keys(paperRules)).toEqual(Object.keys(laterRules));
  });
});

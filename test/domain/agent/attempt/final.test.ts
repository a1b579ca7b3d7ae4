import { describe, expect, it } from 'vitest';
import { findBoxed } from '../../../../domain/agent/boxed-answer.ts';
import { laterRules, paperRules } from '../../../../domain/agent/rules.ts';
import { commandText, play, reply, toShortLines } from '../../../support/attempts.ts';

const none = reply('no box here');
const boxed = reply('so \\boxed{42}');
const guess = reply(`maybe \\boxed{7} ${commandText()}`);
const turn = reply(commandText());
const done = reply('done');

type Given = Parameters<typeof play>[1];

/** The answer of an attempt, how many calls it made, and whether it wrote a failure summary. */
function end(replies: Parameters<typeof play>[0]['replies'], given: Given, attempt = 1) {
  const played = play({ replies }, given, attempt);
  const { answer, summary } = played.end;
  const text = answer === null ? null : (played.records[answer.seq]?.text ?? '');
  return {
    answer: text === null ? null : findBoxed(laterRules, text),
    from: answer?.from ?? null,
    summary: summary === null ? null : (played.records[summary]?.text ?? ''),
    purposes: played.modelCalls.map(({ purpose }) => purpose).filter((purpose) => purpose !== 'turn'),
  };
}

describe('feature 24, the final answer: no other attempt may follow', () => {
  it.each([
    ['by itself', [guess, done], 8],
    ['at its limit', [guess], 1],
  ])('ended %s, a box: the answer', (_, turns, maxTurns) => {
    expect(end([...turns, boxed], { maxTurns })).toEqual({
      answer: '42',
      from: 'final',
      summary: null,
      purposes: ['final'],
    });
  });

  it.each([
    ['by itself', [guess, done], 8],
    ['at its limit', [guess], 1],
  ])('feature 26, ended %s, no box: the last intermediate one', (_, turns, maxTurns) => {
    expect(end([...turns, none], { maxTurns })).toMatchObject({ answer: '7', from: 'intermediate', summary: null });
  });

  it('neither: no answer', () => {
    expect(end([turn, done, none], {})).toEqual({ answer: null, from: null, summary: null, purposes: ['final'] });
  });

  it('the last of six attempts: as if there were no others, and no failure summary', () => {
    expect(end([guess, none], { restarts: 5, maxTurns: 1 }, 6)).toMatchObject({ answer: '7', purposes: ['final'] });
  });
});

describe('feature 24, the final answer: another attempt may follow', () => {
  it('ended by itself, a box: the answer', () => {
    expect(end([turn, done, boxed], { restarts: 5 })).toMatchObject({ answer: '42', purposes: ['final'] });
  });

  it('ended by itself, no box: no intermediate one, but a failure summary', () => {
    expect(end([guess, done, none, reply('Blocked.')], { restarts: 5 })).toEqual({
      answer: null,
      from: null,
      summary: 'Blocked.',
      purposes: ['final', 'failure-summary'],
    });
  });

  it('ended by itself, no box, discard-all: nothing more', () => {
    expect(end([guess, done, none], { restarts: 5, retryWithSummary: false })).toMatchObject({
      answer: null,
      purposes: ['final'],
    });
  });

  it('at its limit: not asked for an answer, only for a failure summary', () => {
    expect(end([guess, reply('Blocked.')], { restarts: 5, maxTurns: 1 })).toMatchObject({
      answer: null,
      summary: 'Blocked.',
      purposes: ['failure-summary'],
    });
  });

  it('at its limit, discard-all: no call at all', () => {
    expect(end([guess], { restarts: 5, maxTurns: 1, retryWithSummary: false })).toMatchObject({
      answer: null,
      purposes: [],
    });
  });

  it('ended by itself in its last turn: at its limit, too', () => {
    expect(end([done], { restarts: 5, maxTurns: 1, retryWithSummary: false }).purposes).toEqual([]);
  });

  it('no failure summary came: none', () => {
    expect(end([guess, reply('')], { restarts: 5, maxTurns: 1 }).summary).toBeNull();
    expect(end([guess, { fail: 'Error code: 500' }], { restarts: 5, maxTurns: 1 }).summary).toBeNull();
  });
});

describe('feature 24, tries of the final answer', () => {
  it('K = −1: up to three, each with the same prompt', () => {
    const replies = [turn, done, none, reply(''), boxed];
    const played = play({ replies }, { keep: -1 });
    const lines = toShortLines(played, replies).slice(2);
    expect(lines).toEqual(Array.from({ length: 3 }, () => 'a:1 u:observation 1 a:2 u:<summary prompt>'));
    expect(played.end.answer).toMatchObject({ from: 'final' });
  });

  it('K = −1: a failed call is one of the three', () => {
    expect(end([turn, done, { fail: 'x' }, none, none, boxed], { keep: -1 })).toMatchObject({
      answer: null,
      purposes: ['final', 'final', 'final'],
    });
  });

  it.each([0, 1, 5])('K = %i: one', (keep) => {
    expect(end([turn, done, none, boxed], { keep })).toMatchObject({ answer: null, purposes: ['final'] });
  });

  it('paper: one, and no earlier box stands in', () => {
    expect(end([guess, done, none, boxed], { rules: paperRules, keep: -1 })).toMatchObject({
      answer: null,
      purposes: ['final'],
    });
    expect(end([guess, reply('\\boxed{?}')], { rules: paperRules, maxTurns: 1, restarts: 5 })).toMatchObject({
      from: 'final',
      purposes: ['final'],
    });
  });
});

/** Observations in view in a line of messages. */
const live = (line: string | undefined) => (line ?? '').match(/u:observation/g)?.length ?? 0;

describe('feature 20, what the last calls see', () => {
  const turns = Array.from({ length: 7 }, (_, n) => reply(commandText(String(n))));

  it('K = 5: the final answer is written with four observations in view', () => {
    expect(live(toShortLines(play({ replies: [...turns, done, boxed] }), []).at(-1))).toBe(4);
  });

  it('K = 5: so is a failure summary without an answer before it, and with three behind one', () => {
    const given = { restarts: 5, maxTurns: 20 };
    const limited = play({ replies: [...turns, none], results: [] }, { ...given, maxTurns: 7 });
    expect(live(toShortLines(limited, []).at(-1))).toBe(4);
    const ended = play({ replies: [...turns, done, none, none] }, given);
    expect(live(toShortLines(ended, []).at(-1))).toBe(3);
  });

  it('K = 0: even the prompt is masked, as in the original', () => {
    expect(toShortLines(play({ replies: [turn, done, boxed] }, { keep: 0 }), []).at(-1)).toMatch(/u:-$/);
  });

  it('at the limit: the newest observation is not shown', () => {
    const replies = [turn, reply(commandText('b')), boxed];
    expect(toShortLines(play({ replies }, { maxTurns: 2 }), replies).at(-1)).toBe(
      'a:1 u:observation 1 a:2 u:<summary prompt>',
    );
  });
});

describe('feature 27, the failure summary', () => {
  it('its prompt, and the words that it begins with, which are continued', () => {
    const replies = [turn, none];
    const played = play({ replies }, { restarts: 1, maxTurns: 1 });
    expect(played.modelCalls.at(-1)?.prefill).toBe(true);
    expect(toShortLines(played, replies).at(-1)).toBe('a:1 u:<failure prompt> a:<failure prefill>');
  });

  it('behind an answer without a box: that stays, and the prompt that asked for it', () => {
    const replies = [turn, done, none, reply('Blocked.')];
    expect(toShortLines(play({ replies }, { restarts: 1 }), replies).at(-1)).toBe(
      'a:1 u:observation 1 a:2 u:<summary prompt> a:3 u:<failure prompt> a:<failure prefill>',
    );
  });

  it('behind a final call that failed: neither is there', () => {
    const replies = [turn, done, { fail: 'x' }, reply('Blocked.')];
    expect(toShortLines(play({ replies }, { restarts: 1 }), replies).at(-1)).toBe(
      'a:1 u:observation 1 a:2 u:<failure prompt> a:<failure prefill>',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { type JudgeReply, nextJudgeStep } from '../../../domain/evaluation/judge.ts';
import {
  judgeKinds,
  type JudgeKind,
  judgeNames,
  judgeOf,
  type JudgeRelease,
} from '../../../domain/evaluation/judge-kinds.ts';
import { parsePythonFloat } from '../../../domain/evaluation/python-float.ts';
import { isGaiaCorrect } from '../../../domain/evaluation/score-gaia.ts';
import { createRandom } from '../../support/random.ts';

describe('numbers as Python’s float reads them', () => {
  it.each([
    ['1_000', 1_000],
    ['1_0.0_1e1_0', 10.01e10],
    ['+1', 1],
    ['1.', 1],
    ['.5', 0.5],
    [' \u00a0٤٢\u3000', 42],
    ['１２', 12],
    ['𝟏', 1],
    ['INFINITY', Infinity],
    ['-inf', -Infinity],
    ['1e400', Infinity],
  ])('%j: %d', (text, value) => {
    expect(parsePythonFloat(text)).toBe(value);
  });

  it.each(['1__0', '_1', '1_', '1._0', '.', '', ' ', '0x1', '1 2', '\x1c1', '½', '²', '\u200b1', 'i_nf', '1\0'])(
    '%j: none',
    (text) => {
      expect(parsePythonFloat(text)).toBeNull();
    },
  );

  it('nan: no number that equals another', () => {
    expect(parsePythonFloat('-NaN')).toBeNaN();
  });
});

describe('feature 46, the rule-based scorer', () => {
  it.each([
    ['1234', '$1,234', true],
    ['42', '42%', true],
    ['0.1', '.10', true],
    ['42', 'forty-two', false],
    ['nan', 'nan', false],
    ['inf', 'inf', true],
    ['inf', 'no number', false],
    ['St. Petersburg', 'st petersburg', true],
    ['sea gull', 'Seagull!', true],
    ['ΑΣ', 'ας', true],
    ['a, b; 3', 'A,b,3.0', true],
    ['a, b', 'b, a', false],
    ['a.,b', 'a,b', false],
    ['a,b', 'a,b,', false],
    ['None', null, true],
  ])('%j against %j: %j', (target, answer, correct) => {
    expect(isGaiaCorrect(target, answer)).toBe(correct);
  });

  it('any texts: never thrown, and a text without a list equals itself', () => {
    const random = createRandom(37);
    for (let round = 0; round < 1_000; round += 1) {
      const text = Array.from({ length: random.between(0, 6) }, () =>
        random.pick(['a', '1', ',', ';', '_', '.', '½', '\ud83e', ' ', '-', 'e']),
      ).join('');
      expect(isGaiaCorrect(text, text)).toBe(true);
      expect(() => isGaiaCorrect(text, null)).not.toThrow();
    }
  });
});

const hle = (correct: string, more: object = {}) =>
  JSON.stringify({ extracted_final_answer: 'a', reasoning: 'r', correct, confidence: 90, strict: true, ...more });
const items = (details: unknown, excessive: unknown = []) =>
  JSON.stringify({ 'Answer Correctness': { 'Correctness Details': details, 'Excessive Answers': excessive } });

function judge(kind: JudgeKind, release: JudgeRelease, replies: readonly (string | null | { failed: true })[]) {
  const given: JudgeReply[] = [];
  for (;;) {
    const step = nextJudgeStep({ kind, release, target: 'Paris', answer: 'Rome' }, given);
    if (step.type === 'done') return { ...step.judgement, requests: given.length };
    const reply = replies[Math.min(given.length, replies.length - 1)] ?? null;
    given.push(typeof reply === 'object' && reply !== null ? reply : { text: reply });
  }
}

describe('feature 46, judges', () => {
  it.each([
    ['gaia-validation', 'gaia-scorer', 'text'],
    ['browsecomp', 'browsecomp', 'browsecomp'],
    ['browsecomp_zh', 'browsecomp', 'browsecomp-zh'],
    ['hle-text-2158', 'hle', 'hle'],
    ['collect_trace', 'simpleqa', 'simpleqa'],
    ['deepsearchqa', 'text', 'deepsearchqa'],
    ['frames', 'text', 'text'],
    ['toString', 'text', 'text'],
  ])('%s: %s in the paper, %s later', (benchmark, paper, later) => {
    expect(judgeOf('paper', benchmark)).toBe(paper);
    expect(judgeOf('later', benchmark)).toBe(later);
  });

  it('every judge: has a name', () => {
    expect(Object.keys(judgeNames)).toEqual([...judgeKinds]);
  });

  it.each<[JudgeKind, string, string]>([
    ['text', 'Correct', 'CORRECT'],
    ['text', ' **incorrect**.\n', 'INCORRECT'],
    ['text', 'Correct, because', 'NOT_ATTEMPTED'],
    ['text', 'Not correct', 'NOT_ATTEMPTED'],
    ['browsecomp', 'A', 'CORRECT'],
    ['browsecomp-zh', '(B)', 'INCORRECT'],
    ['browsecomp', 'INCORRECT', 'INCORRECT'],
    ['browsecomp', 'yes', 'NOT_ATTEMPTED'],
    ['simpleqa', 'BA', 'INCORRECT'],
    ['simpleqa', 'CORRECT', 'CORRECT'],
    ['simpleqa', '【正确】', 'CORRECT'],
    ['simpleqa', 'C', 'NOT_ATTEMPTED'],
    ['xbench', '结论:正确', 'CORRECT'],
    ['xbench', '结论：**错误**', 'INCORRECT'],
    ['xbench', '结论:\n正确', 'CORRECT'],
    ['xbench', '结论 正确', 'NOT_ATTEMPTED'],
    ['hle', hle('yes'), 'CORRECT'],
    ['hle', hle('no', { confidence: '90' }), 'INCORRECT'],
    ['hle', hle('Yes'), 'NOT_ATTEMPTED'],
    ['hle', hle('yes', { strict: false }), 'NOT_ATTEMPTED'],
    ['hle', hle('yes', { confidence: 90.5 }), 'NOT_ATTEMPTED'],
    ['deepsearchqa', items({ a: true }), 'CORRECT'],
    ['deepsearchqa', `\`\`\`json\n${items({ a: true, b: true }, null)}\n\`\`\``, 'CORRECT'],
    ['deepsearchqa', items({ a: true, b: false }), 'INCORRECT'],
    ['deepsearchqa', items({ a: 'false' }), 'INCORRECT'],
    ['deepsearchqa', items({ a: true }, ['x']), 'INCORRECT'],
    ['deepsearchqa', items({}), 'INCORRECT'],
    ['deepsearchqa', items(['a']), 'NOT_ATTEMPTED'],
    ['deepsearchqa', 'Correct', 'NOT_ATTEMPTED'],
  ])('later, %s saying %j: %s', (kind, reply, verdict) => {
    expect(judge(kind, 'later', [reply]).verdict).toBe(verdict);
  });

  it.each<[JudgeKind, string, string]>([
    ['text', 'Correct', 'CORRECT'],
    ['text', 'Correct.', 'INCORRECT'],
    ['browsecomp', 'reasoning: x\ncorrect: Yes', 'CORRECT'],
    ['browsecomp', '**correct:** yes', 'INCORRECT'],
    ['browsecomp', 'correct:no', 'INCORRECT'],
    ['xbench', '结论: 正确: 是', 'CORRECT'],
    ['xbench', '结论：正确', 'INCORRECT'],
    ['simpleqa', 'CORRECT', 'NOT_ATTEMPTED'],
  ])('paper, %s saying %j: %s, as its scores were made', (kind, reply, verdict) => {
    expect(judge(kind, 'paper', [reply]).verdict).toBe(verdict);
  });

  it('details: counted where every item is judged', () => {
    expect(judge('deepsearchqa', 'later', [items({ a: true, b: false }, ['x'])]).details).toEqual({
      correct: 1,
      expected: 2,
      excessive: 1,
    });
  });

  it('an unreadable verdict: asked for ten times in all, then it stands', () => {
    expect(judge('text', 'later', ['hm'])).toMatchObject({ verdict: 'NOT_ATTEMPTED', by: null, requests: 10 });
    expect(judge('simpleqa', 'later', ['C', null, { failed: true }, 'A'])).toMatchObject({
      verdict: 'CORRECT',
      requests: 4,
    });
  });

  it('a failed request of the text judge: tried again, and none of the ten', () => {
    const failed = { failed: true } as const;
    expect(judge('text', 'later', [failed, failed, 'Correct'])).toMatchObject({ verdict: 'CORRECT', requests: 3 });
    expect(judge('text', 'later', [failed])).toMatchObject({ verdict: 'NOT_ATTEMPTED', requests: 10 });
  });

  it('an equal answer: correct without a judge, but not where items are judged', () => {
    const equal = { target: 'a', answer: 'a', release: 'later' } as const;
    expect(nextJudgeStep({ ...equal, kind: 'text' }, [])).toMatchObject({
      judgement: { verdict: 'CORRECT', by: 'exact-match' },
    });
    expect(nextJudgeStep({ ...equal, kind: 'deepsearchqa' }, [])).toEqual({ type: 'ask' });
    expect(nextJudgeStep({ ...equal, kind: 'gaia-scorer', answer: 'A' }, [])).toMatchObject({
      judgement: { by: 'gaia-scorer' },
    });
  });
});

import { describe, expect, it } from 'vitest';
import { extractBoxed } from '../../domain/boxed.ts';

describe('the boxed answer', () => {
  it.each([
    ['no box', 'the answer is 5', null],
    ['a box', 'so \\boxed{5}.', '5'],
    ['white space before the brace', '\\boxed  \n\t{5}', '5'],
    ['several boxes', '\\boxed{1} and \\boxed{2}', '2'],
    ['nested braces', '\\boxed{\\frac{1}{2}}', '\\frac{1}{2}'],
    ['a box in a box', '\\boxed{\\boxed{5}}', '\\boxed{5}'],
    ['an escaped brace', '\\boxed{a\\}b}', 'a\\}b'],
    ['an escaped backslash before the end', '\\boxed{a\\\\} tail', 'a\\\\'],
    ['an unclosed box', 'at last \\boxed{the end', 'the end'],
    ['a backslash at the very end', '\\boxed{a\\', 'a\\'],
    ['trimmed', '\\boxed{  5  }', '5'],
    ['another word', '\\boxedin{5}', null],
    ['the word None', '\\boxed{None}', 'None'],
    ['in a thought', '<think>\\boxed{7}</think> done', '7'],
    ['the last is blank', '\\boxed{42} then \\boxed{?}', null],
    ['half a character', '\\boxed{\ud800}', '\ud800'],
  ])('%s → %j gives %j', (_, text, answer) => {
    expect(extractBoxed(text)).toBe(answer);
  });

  it.each(['', '?', '??', '???', '？', '……', '…', '...', 'unknown', ' Unknown ', 'UNKNOWN'])(
    'a box of %j: says nothing → null',
    (blank) => {
      expect(extractBoxed(`\\boxed{${blank}}`)).toBeNull();
    },
  );

  it('a megabyte of hostile text: an answer or null, never thrown', () => {
    for (const part of ['\\boxed{', '\\boxed ', '\\', '{', '}', '\\boxed{}']) {
      expect(() => extractBoxed(part.repeat(Math.ceil(1_000_000 / part.length)))).not.toThrow();
    }
  });
});

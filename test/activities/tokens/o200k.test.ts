import { describe, expect, it } from 'vitest';
import { countByHeap, countBySearch } from '../../../activities/tokens/merge-pieces.ts';
import { createO200kCounter } from '../../../activities/tokens/o200k.ts';
import { createRandom } from '../../support/random.ts';

const count = createO200kCounter();

describe('feature 22, token counts by o200k', () => {
  // Counted with tiktoken 0.9.0.
  it.each([
    ['', 0],
    ['hello', 1],
    ['Hello, world!', 4],
    ["it's I'VE 'S", 5],
    ['a'.repeat(1_000), 125],
    ['中文字符𠮷👩‍🚀', 11],
    ['x\u0085\u00a0\u2028\ufeffy', 7],
    ['12345 67', 4],
    ['  \n\n  if x:\r\n\ty = 1', 9],
    ['half \ud83e pair', 3],
    ['<|im_start|>', 6],
    ["'ſ 'RE", 4],
    ["a mark of Unicode 17: \u1ad4's", 13],
  ])('%j: %i', (text, tokens) => {
    expect(count(text)).toBe(tokens);
  });

  it.each(['<|endoftext|>', 'a <|endofprompt|> 𠮷'])(
    '%j holds a mark of the tokenizer: a quarter of its code points',
    (text) => {
      expect(count(text)).toBe(Math.floor(Array.from(text).length / 4));
    },
  );

  it('a heap of pairs: merges as a search of all pairs does', () => {
    const random = createRandom(41);
    for (let round = 0; round < 300; round += 1) {
      const ranks = new Map<string, number>();
      for (let size = random.between(0, 60); size > 0; size -= 1) {
        const token = Array.from({ length: random.between(2, 6) }, () => random.pick(['a', 'b', 'c'])).join('');
        ranks.set(token, random.between(0, 500));
      }
      const piece = Array.from({ length: random.between(1, 80) }, () => random.pick(['a', 'b', 'c'])).join('');
      expect(countByHeap(piece, ranks)).toBe(countBySearch(piece, ranks));
    }
  });

  it('one megabyte of one letter: counted', () => {
    expect(count('a'.repeat(1_000_000))).toBe(125_000);
  });
});

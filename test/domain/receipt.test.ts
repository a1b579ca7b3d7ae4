import { describe, expect, it } from 'vitest';
import { previewChars, toPreview, toTaskQueue } from '../../domain/receipt.ts';
import { createRandom } from '../support/random.ts';

describe('a preview', () => {
  it.each([
    ['short', 'a reply', 'a reply'],
    ['lines and tabs', ' a\n\n b\tc ', 'a b c'],
    ['exactly as long as allowed', 'x'.repeat(previewChars), 'x'.repeat(previewChars)],
    ['one too long', 'x'.repeat(previewChars + 1), `${'x'.repeat(previewChars - 1)}…`],
    ['characters of two units', '😀'.repeat(100), `${'😀'.repeat(previewChars - 1)}…`],
    ['much white space, then more', `a${' '.repeat(4_000)}b`, 'a…'],
    ['empty', '', ''],
  ])('%s → one line within the bound', (_, text, preview) => {
    expect(toPreview(text)).toBe(preview);
  });

  it('any text: at most the bound of code points, one line, no half of a character that was whole', () => {
    const random = createRandom(7);
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: random.between(0, 400) }, () =>
        random.pick(['a', ' ', '\n', '😀', 'é', '\u2028']),
      ).join('');
      const preview = toPreview(text);
      expect(Array.from(preview).length).toBeLessThanOrEqual(previewChars);
      expect(preview).not.toMatch(/[\n\r\u2028]/u);
      expect(preview.isWellFormed()).toBe(true);
    }
  });
});

describe('a task queue', () => {
  it('prefix and pool → its name', () => {
    expect(toTaskQueue('t1-', 'model')).toBe('t1-model');
  });
});

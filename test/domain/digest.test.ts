import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestFields, digestJson, digestText, toCanonicalJson } from '../../domain/digest.ts';

describe('digestText', () => {
  it.each(['', 'abc', 'ä€😀', 'x'.repeat(10_000)])(
    'any text: SHA-256 of its UTF-8, as the platform computes it',
    (text) => {
      expect(digestText(text)).toBe(createHash('sha256').update(text).digest('hex'));
    },
  );
});

describe('canonical JSON', () => {
  it.each([
    ['keys in any order', { b: 1, a: [2, { d: 1, c: null }] }, '{"a":[2,{"c":null,"d":1}],"b":1}'],
    ['undefined members', { a: undefined, b: 1 }, '{"b":1}'],
    [
      'keys by UTF-16 units',
      { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5 },
      '{"\\r":2,"1":4,"€":1,"😀":5,"\ufb33":3}',
    ],
    ['numbers as ECMAScript writes them', [1.0, 1e21, -0, 0.000001], '[1,1e+21,0,0.000001]'],
    ['nothing at all', undefined, 'null'],
  ])('%s → one text', (_, value, text) => {
    expect(toCanonicalJson(value)).toBe(text);
  });

  it('half a character: written as the replacement character, as in UTF-8, never thrown', () => {
    expect(toCanonicalJson({ 'k\ud800': ['a\udc00b'] })).toBe('{"k\ufffd":["a\ufffdb"]}');
  });

  it('the same members in another order: the same digest; another value: another', () => {
    expect(digestJson({ a: 1, b: 2 })).toBe(digestJson({ b: 2, a: 1 }));
    expect(digestJson({ a: 1, b: 2 })).not.toBe(digestJson({ a: 2, b: 1 }));
  });
});

describe('digestFields', () => {
  it('lists that join to the same text: different digests', () => {
    const lists = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', ''], ['', 'abc'], [], [''], ['1:a', '1:b'], ['1:a1:b']];
    expect(new Set(lists.map(digestFields)).size).toBe(lists.length);
  });
});

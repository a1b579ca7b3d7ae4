import { describe, expect, it } from 'vitest';
import {
  countCodePoints,
  cutCodePoints,
  firstCodePoints,
  lastCodePoints,
} from '../../../../domain/agent/text/code-points.ts';
import {
  isPythonSpace,
  trimPython,
  trimPythonEnd,
  trimPythonStart,
} from '../../../../domain/agent/text/python-space.ts';
import { decodeUtf8 } from '../../../../domain/agent/text/utf8.ts';
import { createRandom } from '../../../support/random.ts';

/** White space by Python's `isspace`, which was run over all code points. */
const spaces = [
  0x9, 0xa, 0xb, 0xc, 0xd, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
  0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
];

describe('white space as Python has it', () => {
  it('every code point: white space exactly where Python says so', () => {
    const found = Array.from({ length: 0x110000 }, (_, point) => point).filter((point) =>
      isPythonSpace(String.fromCodePoint(point)),
    );
    expect(found).toEqual(spaces);
  });

  it('trimming: removes exactly these, from both ends', () => {
    const all = spaces.map((point) => String.fromCodePoint(point)).join('');
    expect(trimPython(`${all}a${all}b${all}`)).toBe(`a${all}b`);
    expect(trimPythonStart(` a `)).toBe('a ');
    expect(trimPythonEnd(` a `)).toBe(' a');
    for (const kept of ['\ufeff', '\u180e', '\u200b', '\0']) expect(trimPython(` ${kept} `)).toBe(kept);
    expect(trimPython(all)).toBe('');
  });
});

describe('feature 23, code points not UTF-16 units', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é𠮷野👩‍🚀', 6],
    ['\ud83e', 1],
    ['\ud83e\ud83e\udded', 2],
    ['\udded\ud83e', 2],
  ])('%j: %i', (text, count) => {
    expect(countCodePoints(text)).toBe(count);
  });

  it('cuts: never inside a character, and only where the text is longer', () => {
    expect(firstCodePoints('𠮷𠮷𠮷', 2)).toBe('𠮷𠮷');
    expect(lastCodePoints('a𠮷𠮷', 2)).toBe('𠮷𠮷');
    expect(lastCodePoints('a', 9)).toBe('a');
    expect(cutCodePoints('𠮷𠮷', 2, '…')).toBe('𠮷𠮷');
    expect(cutCodePoints('𠮷𠮷𠮷', 2, '…')).toBe('𠮷𠮷…');
  });

  it('any text: the first and the last parts make it up, and count as it does', () => {
    const random = createRandom(3);
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: random.between(0, 20) }, () =>
        random.pick(['a', '𠮷', '\ud83e', '\udded', 'é']),
      ).join('');
      const count = countCodePoints(text);
      expect(count).toBe(Array.from(text).length);
      const cut = random.between(0, count);
      expect(firstCodePoints(text, cut) + lastCodePoints(text, count - cut)).toBe(text);
    }
  });
});

describe('UTF-8 as Python decodes it', () => {
  it('any bytes: as a decoder that replaces bad ones', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    const random = createRandom(5);
    const bytes = [
      0x41, 0x7f, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xa0, 0xed, 0x9f, 0xef, 0xbb, 0xf0, 0x90, 0xf4, 0x8f, 0xf5, 0xff,
    ];
    for (let round = 0; round < 2_000; round += 1) {
      const sample = Array.from({ length: random.between(0, 9) }, () => random.pick(bytes));
      expect(decodeUtf8(sample, '\ufffd')).toBe(decoder.decode(Uint8Array.from(sample)));
    }
  });

  it('bad bytes dropped, a real U+FFFD kept', () => {
    expect(decodeUtf8([0xe4, 0xb8, 0x41, 0xff, 0xef, 0xbf, 0xbd], '')).toBe('A\ufffd');
  });
});

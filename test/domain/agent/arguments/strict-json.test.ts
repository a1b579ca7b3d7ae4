import { describe, expect, it } from 'vitest';
import {
  isExactNumber,
  isFalsy,
  isJsonObject,
  memberOf,
  toExactNumber,
} from '../../../../domain/agent/arguments/json-value.ts';
import { parsePythonDict } from '../../../../domain/agent/arguments/python-literal.ts';
import { repairArguments } from '../../../../domain/agent/arguments/repair-arguments.ts';
import { maxIntegerDigits, maxNesting, parseStrictJson } from '../../../../domain/agent/arguments/strict-json.ts';
import { brokenJson } from '../../../support/broken-json.ts';
import { createRandom } from '../../../support/random.ts';

const valueOf = (text: string) => {
  const read = parseStrictJson(text);
  return read.ok ? read.value : read.reason;
};

function readByPlatform(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return 'none';
  }
}

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

const errorObject = (raw: string) => ({ error: 'Failed to parse arguments', raw });

describe('feature 7, the strict reading', () => {
  it('whatever the platform reads: read alike', () => {
    const random = createRandom(11);
    for (let round = 0; round < 3_000; round += 1) {
      const text = brokenJson(random);
      if (/NaN|Infinity/.test(text)) continue;
      const read = parseStrictJson(text);
      const ours = read.ok ? JSON.stringify(read.value) : 'none';
      expect(ours === 'none' ? ours : JSON.stringify(JSON.parse(ours))).toBe(readByPlatform(text));
    }
  });

  it.each([
    [
      'the words that Python adds',
      '{"a": NaN, "b": -Infinity, "c": Infinity}',
      { a: 'NaN', b: '-Infinity', c: 'Infinity' },
    ],
    ['a key twice: the later value', '{"a": 1, "a": 2}', { a: 2 }],
    ['a byte order mark', '\ufeff{}', 'syntax'],
    ['a line end inside a text', '"a\nb"', 'syntax'],
    ['a comma at the end', '[1,]', 'syntax'],
    ['a zero in front', '01', 'syntax'],
    ['a plus sign', '+1', 'syntax'],
    ['white space of Python that is none of JSON', '\x1c1', 'syntax'],
    ['nothing', '', 'syntax'],
    ['something behind it', '{} x', 'syntax'],
    ['half a pair', '"\\ud83e"', '\ud83e'],
  ])('%s', (_, text, value) => {
    expect(valueOf(text)).toEqual(value);
  });

  it('a member named __proto__: a member like any other', () => {
    const value = valueOf('{"__proto__": {"x": 1}}');
    expect(JSON.stringify(value)).toBe('{"__proto__":{"x":1}}');
    expect(isJsonObject(value) && memberOf(value, 'toString')).toBeUndefined();
  });

  it('numbers that a double would change: written with their digits', () => {
    const text = '[9007199254740993,-12345678901234567890,1e400,9007199254740991,0.1]';
    expect(JSON.stringify(valueOf(text))).toBe(text);
  });

  it('nesting: read up to the limit, given up beyond it', () => {
    expect(parseStrictJson(nested(maxNesting)).ok).toBe(true);
    expect(valueOf(nested(maxNesting + 2))).toBe('deep');
    expect(valueOf('{"a":'.repeat(100_000))).toBe('deep');
  });

  it('an integer: read up to the limit of digits, given up beyond it', () => {
    expect(isExactNumber(valueOf('7'.repeat(maxIntegerDigits)))).toBe(true);
    expect(valueOf(`-${'7'.repeat(maxIntegerDigits + 1)}`)).toBe('long');
    expect(valueOf(`${'7'.repeat(maxIntegerDigits + 1)}.5`)).not.toBe('long');
  });
});

describe('feature 7, the Python dict literal', () => {
  it.each([
    [
      'texts, numbers and the three words',
      "{'a': 'x', 'b': -1.5, 'c': None, 'd': True, 'e': False}",
      { a: 'x', b: -1.5, c: null, d: true, e: false },
    ],
    ['both quotes, and a quote inside', `{'a': "it's", "b": 'say "hi"'}`, { a: "it's", b: 'say "hi"' }],
    ['escapes', String.raw`{'a': '\n\t\\\'\x41é\U0001f9ed\101\q'}`, { a: "\n\t\\'Aé🧭A\\q" }],
    ['three quotes', `{'a': '''x\n'y' "z"'''}`, { a: 'x\n\'y\' "z"' }],
    ['nested, with comments and commas at the end', "{'a': [1, {'b': []}, ], # note\n}", { a: [1, { b: [] }] }],
    ['a key twice', "{'a': 1, 'a': 2}", { a: 2 }],
  ])('%s: read', (_, text, value) => {
    expect(parsePythonDict(text)).toEqual(value);
  });

  it.each([
    ['a list', "['a']"],
    ['a set', "{'a', 'b'}"],
    ['a tuple inside', "{'a': (1, 2)}"],
    ['a key that is no text', '{1: 2}'],
    ['a word of JSON', "{'a': true}"],
    ['bytes', "{'a': b'x'}"],
    ['a zero in front', "{'a': 01}"],
    ['an infinite number', "{'a': 1e400}"],
    ['a line end in a text', "{'a': 'x\ny'}"],
    ['something behind it', "{'a': 1} x"],
    ['half a pair', "{'a': '\ud83e'}"],
    ['a text that is not closed', "{'a': 'x"],
    ['nested too deep', `${"{'a':".repeat(150)}1${'}'.repeat(150)}`],
  ])('%s: none', (_, text) => {
    expect(parsePythonDict(text)).toBeNull();
  });

  it('an integer beyond 2^53: keeps its digits', () => {
    expect(JSON.stringify(parsePythonDict("{'n': 12345678901234567890}"))).toBe('{"n":12345678901234567890}');
  });
});

describe('feature 7, the chain of readings', () => {
  it.each([
    ['strict JSON first', '{"a": "None"}', { a: 'None' }],
    ['a Python literal next', "{'a': None, 'b': ['', 'x', '']}", { a: null, b: ['', 'x', ''] }],
    ['the tolerant reading then', "{'a': None, b: 1}", { a: 'None', b: 1 }],
    ['the error object last', 'ls -la', errorObject('ls -la')],
    ['nothing at all', '', errorObject('')],
    ['a text that is no object', '"hi"', 'hi'],
  ])('%s', (_, text, value) => {
    expect(repairArguments(text)).toEqual(value);
  });

  it.each([
    ['nested too deep', '['.repeat(3_000) + ']'.repeat(3_000)],
    ['an integer too long', `{"a": ${'9'.repeat(5_000)}}`],
    ['nested too deep and broken', '{"a": '.repeat(3_000)],
  ])('%s: the error object, never thrown', (_, text) => {
    expect(repairArguments(text)).toEqual(errorObject(text));
  });

  it('what is repaired: repaired again, the same', () => {
    const random = createRandom(23);
    for (let round = 0; round < 2_000; round += 1) {
      const text = brokenJson(random);
      const once = JSON.stringify(repairArguments(text));
      expect(JSON.stringify(repairArguments(once))).toBe(once);
    }
  });
});

describe('values that Python takes for false', () => {
  it.each([[undefined], [null], [false], [0], [''], [[]], [{}]])('%j: false', (value) => {
    expect(isFalsy(value)).toBe(true);
  });

  it.each([[true], [1], ['a'], [[0]], [{ a: 1 }], [toExactNumber('12345678901234567890')]])('%j: true', (value) => {
    expect(isFalsy(value)).toBe(false);
  });
});

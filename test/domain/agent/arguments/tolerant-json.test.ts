import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JsonValue } from '../../../../domain/agent/arguments/json-value.ts';
import { parsePythonDict } from '../../../../domain/agent/arguments/python-literal.ts';
import { parseStrictJson } from '../../../../domain/agent/arguments/strict-json.ts';
import { parseTolerantJson } from '../../../../domain/agent/arguments/tolerant-json.ts';
import { brokenJson } from '../../../support/broken-json.ts';
import { askPython, isSameJson, type PythonReading } from '../../../support/json-repair.ts';
import { createRandom } from '../../../support/random.ts';

type Reading = PythonReading['tolerant'];

const toReading = (value: JsonValue | undefined | null): Reading =>
  value === undefined || value === null ? 'none' : { value };

function isSame(expected: Reading, given: Reading): boolean {
  return expected === 'none' || given === 'none' ? expected === given : isSameJson(expected.value, given.value);
}

const frozenCaseSchema = z.object({ text: z.string(), tolerant: z.custom<Reading>(() => true) });

/** Cases of ours with what json_repair 0.50.0 made of them; `freeze-cases.ts` writes them. */
const frozen = readFileSync(new URL('tolerant-json.cases.jsonl', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const read = parseStrictJson(line);
    return frozenCaseSchema.parse(read.ok ? read.value : null);
  });

describe('feature 7, the tolerant reading of arguments', () => {
  it('frozen cases: as json_repair 0.50.0 reads them', () => {
    expect(frozen.length).toBeGreaterThan(800);
    const differing = frozen.filter(({ text, tolerant }) => !isSame(tolerant, toReading(parseTolerantJson(text))));
    expect(differing.map(({ text }) => text)).toEqual([]);
  });

  it.each([
    ['missing closing brackets', '{"a": [1, {"b": "c', { a: [1, { b: 'c' }] }],
    ['single quotes', "{'a': 'b'}", { a: 'b' }],
    ['no quotes', '{a: b}', { a: 'b' }],
    ['typographic quotes', '{“a”: “b”}', { a: 'b' }],
    ['trailing comma', '{"a": 1,}', { a: 1 }],
    ['words around it', 'Here: {"a": 1} done', { a: 1 }],
    ['a code fence', '```json\n{"a": 1}\n```', { a: 1 }],
    ['comments', '{"a": 1, // note\n"b": 2}', { a: 1, b: 2 }],
    ['two values of another shape', '{"a": 1} [2]', [{ a: 1 }, [2]]],
    ['two values of one shape: the later', '{"a": 1} {"a": 2}', { a: 2 }],
    ['a key again inside a list: the next object', '[{"a": 1, "a": 2}]', [{ a: 1 }, { a: 2 }]],
    ['a key that JavaScript inherits', "{'__proto__': 'x'}", JSON.parse('{"__proto__": "x"}')],
    ['a number of its own form', '{"a": 1,000}', { a: '1,000' }],
  ])('%s: read', (_, text, value) => {
    expect(parseTolerantJson(text)).toEqual(value);
  });

  it.each([
    ['garbage', 'ls -la'],
    ['nothing', ''],
    ['white space', ' \n'],
    ['a bracket in a list of texts', '["]'],
  ])('%s: nothing is read', (_, text) => {
    expect(parseTolerantJson(text)).toBeUndefined();
  });

  it.each(['[', '{"a":', '"', '\\"', '{', '/', "{'a': [", ',"a', 'a:', '}', '“', '//\n'])(
    '100,000 times %j in an object: bounded, never thrown',
    (part) => {
      expect(() => parseTolerantJson(`{"k": "${part.repeat(100_000)}`)).not.toThrow();
      expect(() => parseTolerantJson(part.repeat(100_000))).not.toThrow();
    },
  );

  it('random texts: never thrown, and what is read can be written', () => {
    const random = createRandom(7);
    for (let count = 0; count < 3_000; count += 1) {
      const value = parseTolerantJson(brokenJson(random));
      expect(typeof JSON.stringify(value ?? null)).toBe('string');
    }
  });
});

const python = askPython(['{}']);

// Python and the package are no part of the development tools: with them the whole comparison runs.
describe.skipIf(python === null)('feature 7, beside Python with json_repair 0.50.0', () => {
  const rounds = 4;
  const perRound = 5_500;

  it.each(Array.from({ length: rounds }, (_, round) => round))(
    `round %i of ${perRound} generated texts: strict, literal and tolerant readings agree`,
    (round) => {
      const random = createRandom(1_000 + round);
      const texts = Array.from({ length: perRound }, () => brokenJson(random));
      const differing = (askPython(texts) ?? []).flatMap((expected, index) => {
        const text = texts[index] ?? '';
        const strict = parseStrictJson(text);
        const literal = parsePythonDict(text);
        const same =
          isSame(expected.tolerant, toReading(parseTolerantJson(text))) &&
          (strict.ok ? isSame(expected.strict, { value: strict.value }) : expected.strict === 'none') &&
          (literal === null || isSame(expected.literal, { value: literal }));
        return same ? [] : [text];
      });
      expect(differing).toEqual([]);
    },
  );
});

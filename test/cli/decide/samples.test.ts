import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { functionNames } from '../../../cli/decide/functions.ts';
import type { JsonValue } from '../../../domain/agent/arguments/json-value.ts';
import { isSameJson } from '../../support/json-repair.ts';
import { root } from '../../support/repository.ts';
import { z } from 'zod';
import { ask } from './ask.ts';

/** Decisions of the original, where they are at hand. */
const folder = join(root, '../shared/data/decide-sample');

const caseSchema = z.object({
  id: z.string(),
  profile: z.string(),
  input: z.unknown(),
  expected: z.custom<JsonValue>(() => true),
  deviation: z.object({ rule: z.string(), accept: z.array(z.custom<JsonValue>(() => true)) }).optional(),
});
type Case = z.infer<typeof caseSchema>;

/** Members that come from the model or a provider: nothing may be added to them. */
const exact = new Set(['arguments', 'value', 'result', 'requests']);

const isObject = (value: JsonValue): value is { readonly [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Is everything that is expected there? Members may be added, but for exact ones. */
function isMet(expected: JsonValue, given: JsonValue): boolean {
  if (Array.isArray(expected) && Array.isArray(given)) {
    const others: readonly JsonValue[] = given;
    return (
      expected.length === given.length && expected.every((item: JsonValue, index) => isMet(item, others[index] ?? null))
    );
  }
  if (!isObject(expected) || !isObject(given)) return isSameJson(expected, given);
  return Object.entries(expected).every(([key, member]) => {
    const other = Object.hasOwn(given, key) ? (given[key] ?? null) : undefined;
    if (other === undefined) return false;
    // The wording of a search's error is free.
    if (key === 'result' && isObject(member) && Object.keys(member).join() === 'success') return isMet(member, other);
    return exact.has(key) ? isSameJson(member, other) : isMet(member, other);
  });
}

function readCases(name: string): Case[] {
  const lines = readFileSync(join(folder, `${name}.jsonl`), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => caseSchema.parse(JSON.parse(line)));
}

// The folder lies beside a checkout, and is no part of one.
describe.skipIf(!existsSync(folder))('decisions of the original', () => {
  it('every function: has its cases', () => {
    expect(readdirSync(folder).filter((file) => file.endsWith('.jsonl'))).toEqual(
      functionNames.map((name) => `${name}.jsonl`).toSorted(),
    );
  });

  it.each(functionNames)('%s: every case equal, or an accepted deviation', async (name) => {
    const cases = readCases(name);
    for (const profile of ['v1.0', 'v1.7']) {
      const asked = cases.filter((one) => one.profile === profile);
      if (asked.length === 0) continue;
      const answers = await ask(
        { profile, function: name },
        asked.map(({ input }) => input),
      );
      const wrong = asked.filter(({ expected, deviation }, index) => {
        const output = answers[index]?.output ?? null;
        return ![expected, ...(deviation?.accept ?? [])].some((accepted) => isMet(accepted, output));
      });
      expect(wrong.map(({ id }) => id)).toEqual([]);
    }
  });
});

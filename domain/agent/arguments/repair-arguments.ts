import type { JsonValue } from './json-value.ts';
import { parsePythonDict } from './python-literal.ts';
import { parseStrictJson } from './strict-json.ts';
import { parseTolerantJson } from './tolerant-json.ts';

/**
 * A call's arguments as the model wrote them, to a JSON value: strict JSON, else a Python dict, else a tolerant reading.
 *
 * What cannot be read becomes an object that says so and holds the text; the tool is called with it.
 *
 * *Contract:* pure, never throws. Source: MiroThinker protocol §3.2.
 */
export function repairArguments(text: string): JsonValue {
  const strict = parseStrictJson(text);
  if (strict.ok) return strict.value;
  const value = strict.reason === 'syntax' ? (parsePythonDict(text) ?? parseTolerantJson(text)) : undefined;
  return value === undefined ? { error: 'Failed to parse arguments', raw: text } : value;
}

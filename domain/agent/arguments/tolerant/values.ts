import { type JsonValue, toExactNumber } from '../json-value.ts';
import { maxIntegerDigits } from '../strict-json.ts';

/** A number with the kind that Python gives it: `1` and `1.0` are of different types there. */
export interface LooseNumber {
  readonly kind: 'integer' | 'float';
  readonly value: JsonValue;
}

/** A value while it is being read; objects are maps, so that keys keep their order. */
export type Loose = null | boolean | string | LooseNumber | Loose[] | LooseObject;
export type LooseObject = Map<string, Loose>;

/** Is the value a text, list or object without content? */
export function isBlank(value: Loose): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0) || (value instanceof Map && value.size === 0);
}

function typeOf(value: Loose): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Map) return 'object';
  return typeof value === 'object' ? value.kind : typeof value;
}

/** Have two values the same shape: types, keys and lengths alike, whatever the scalars hold? */
export function hasSameShape(left: Loose, right: Loose): boolean {
  if (typeOf(left) !== typeOf(right)) return false;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => hasSameShape(item, right[index] ?? null));
  }
  if (left instanceof Map && right instanceof Map) {
    if (left.size !== right.size) return false;
    return [...left].every(([key, value]) => right.has(key) && hasSameShape(value, right.get(key) ?? null));
  }
  return true;
}

/** The value as JSON has it. */
export function toJson(value: Loose): JsonValue {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, member]) => [key, toJson(member)]));
  return typeof value === 'object' && value !== null ? value.value : value;
}

const integerText = /^-?\d+$/;
const floatText = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE]-?\d+)?$/;

/** What Python's `int` or `float` makes of the text; the text itself where they refuse it. */
export function toNumberOrText(text: string): Loose {
  if (text.includes(',')) return text;
  const isFloat = /[.eE]/.test(text);
  if (!(isFloat ? floatText : integerText).test(text)) return text;
  const value = Number(text);
  if (isFloat) return { kind: 'float', value: Number.isFinite(value) ? value : text };
  if (Number.isSafeInteger(value)) return { kind: 'integer', value };
  if (text.replace('-', '').length > maxIntegerDigits) return text;
  return { kind: 'integer', value: toExactNumber(String(BigInt(text))) };
}

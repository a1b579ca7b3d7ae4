import { type JsonValue, toExactNumber } from './json-value.ts';

/**
 * What a strict reading gives: the value, or why there is none.
 *
 * `deep` and `long` are texts that Python's reader gives up on with an error that is no syntax error: brackets inside one another
 * beyond its stack, and an integer beyond its limit of digits.
 */
export type StrictJson =
  | { readonly ok: true; readonly value: JsonValue }
  | { readonly ok: false; readonly reason: 'syntax' | 'deep' | 'long' };

/** Brackets inside one another; Python gives up between 1,000 and 3,000, by version. */
export const maxNesting = 1_500;

/** Digits of an integer. Source: Python's `sys.int_info.default_max_str_digits`. */
export const maxIntegerDigits = 4_300;

const numberToken = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const wordToken = /null|true|false|NaN|-?Infinity/y;

/** Python reads the three words that JSON does not know; as texts they pass through every JSON writer. */
const words: Readonly<Record<string, JsonValue>> = { null: null, true: true, false: false };

interface OpenList {
  readonly items: JsonValue[];
}
interface OpenObject {
  readonly members: Map<string, JsonValue>;
  key: string;
}
type Open = OpenList | OpenObject;

class Unreadable extends Error {
  readonly reason: 'syntax' | 'deep' | 'long';
  constructor(reason: Unreadable['reason']) {
    super(reason);
    this.reason = reason;
  }
}

interface Cursor {
  readonly text: string;
  index: number;
}

function skipSpace(cursor: Cursor): void {
  const { text } = cursor;
  for (; cursor.index < text.length; cursor.index += 1) {
    const unit = text.charCodeAt(cursor.index);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
  }
}

function take(cursor: Cursor, character: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.index] !== character) return false;
  cursor.index += 1;
  return true;
}

function readText(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.index;
  if (text[start] !== '"') throw new Unreadable('syntax');
  let end = start + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  cursor.index = end + 1;
  try {
    // The platform decodes one text; what is no JSON text it refuses.
    const decoded: unknown = JSON.parse(text.slice(start, end + 1));
    if (typeof decoded === 'string') return decoded;
  } catch {
    // Refused below.
  }
  throw new Unreadable('syntax');
}

/** A number as a double, or with its digits where a double would lose them. */
function toJsonNumber(source: string, isInteger: boolean): JsonValue {
  const value = Number(source);
  if (isInteger && !Number.isSafeInteger(value)) return toExactNumber(source);
  return Number.isFinite(value) ? value : toExactNumber(source);
}

function readNumber(cursor: Cursor): JsonValue | undefined {
  numberToken.lastIndex = cursor.index;
  const match = numberToken.exec(cursor.text);
  if (match === null) return undefined;
  const [source, fraction, exponent] = match;
  const isInteger = fraction === undefined && exponent === undefined;
  if (isInteger && source.replace('-', '').length > maxIntegerDigits) throw new Unreadable('long');
  cursor.index += source.length;
  return toJsonNumber(source, isInteger);
}

function readScalar(cursor: Cursor): JsonValue {
  if (cursor.text[cursor.index] === '"') return readText(cursor);
  const number = readNumber(cursor);
  if (number !== undefined) return number;
  wordToken.lastIndex = cursor.index;
  const word = wordToken.exec(cursor.text)?.[0];
  if (word === undefined) throw new Unreadable('syntax');
  cursor.index += word.length;
  const value = words[word];
  return value === undefined ? word : value;
}

/** The key before the next member's value. */
function readKey(cursor: Cursor): string {
  skipSpace(cursor);
  const key = readText(cursor);
  if (!take(cursor, ':')) throw new Unreadable('syntax');
  return key;
}

const toValue = (open: Open): JsonValue => ('items' in open ? open.items : Object.fromEntries(open.members));

function add(open: Open, value: JsonValue): void {
  if ('items' in open) open.items.push(value);
  else open.members.set(open.key, value);
}

/** Opens what begins at the cursor, or reads a scalar; an empty list or object is closed at once. */
function readStart(cursor: Cursor, stack: Open[]): JsonValue | undefined {
  skipSpace(cursor);
  const isList = cursor.text[cursor.index] === '[';
  if (!isList && cursor.text[cursor.index] !== '{') return readScalar(cursor);
  cursor.index += 1;
  if (take(cursor, isList ? ']' : '}')) return isList ? [] : {};
  if (stack.length >= maxNesting) throw new Unreadable('deep');
  stack.push(isList ? { items: [] } : { members: new Map(), key: readKey(cursor) });
  return undefined;
}

/** Puts a value into what is open, closing what ends with it; the whole value once nothing is open. */
function close(cursor: Cursor, stack: Open[], value: JsonValue): JsonValue | undefined {
  let inner = value;
  for (let open = stack.at(-1); open !== undefined; open = stack.at(-1)) {
    add(open, inner);
    if (take(cursor, ',')) {
      if ('members' in open) open.key = readKey(cursor);
      return undefined;
    }
    if (!take(cursor, 'items' in open ? ']' : '}')) throw new Unreadable('syntax');
    stack.pop();
    inner = toValue(open);
  }
  return inner;
}

function readWhole(cursor: Cursor): JsonValue {
  const stack: Open[] = [];
  for (;;) {
    const start = readStart(cursor, stack);
    const whole = start === undefined ? undefined : close(cursor, stack, start);
    if (whole === undefined) continue;
    skipSpace(cursor);
    if (cursor.index < cursor.text.length) throw new Unreadable('syntax');
    return whole;
  }
}

/**
 * Reads what Python's `json.loads` reads: JSON, and `NaN`, `Infinity`, `-Infinity`, which become texts.
 *
 * *Contract:* pure, linear, never throws; integers beyond 2^53 keep their digits.
 */
export function parseStrictJson(text: string): StrictJson {
  try {
    return { ok: true, value: readWhole({ text, index: 0 }) };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, reason: error.reason };
    throw error;
  }
}

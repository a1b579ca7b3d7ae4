import { type JsonObject, type JsonValue, toExactNumber } from './json-value.ts';
import { readPythonText } from './python-text.ts';
import { maxIntegerDigits } from './strict-json.ts';

/** Brackets inside one another; Python's own reader stops at 200. */
const maxLiteralNesting = 100;

const filler = /[ \t\f\n]*(?:#[^\n]*[ \t\f\n]*)*/y;
const tail = /^[ \t\f\n]*$/u;
const word = /(?:None|True|False)(?![\p{L}\p{N}_])/uy;
const number = /-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?![\p{L}\p{N}_.])/uy;
const integer = /^-?(?:0|[1-9]\d*)$/;

const wordValues: Readonly<Record<string, JsonValue>> = { None: null, True: true, False: false };

interface Cursor {
  readonly text: string;
  index: number;
}

/** Undefined stands for "no literal that JSON can hold". */
type Read = JsonValue | undefined;

function skipFiller(cursor: Cursor): void {
  filler.lastIndex = cursor.index;
  cursor.index += filler.exec(cursor.text)?.[0].length ?? 0;
}

function take(cursor: Cursor, character: string): boolean {
  skipFiller(cursor);
  if (cursor.text[cursor.index] !== character) return false;
  cursor.index += 1;
  return true;
}

function match(cursor: Cursor, pattern: RegExp): string | null {
  pattern.lastIndex = cursor.index;
  const found = pattern.exec(cursor.text)?.[0] ?? null;
  cursor.index += found?.length ?? 0;
  return found;
}

function toNumber(source: string): Read {
  const value = Number(source);
  if (!integer.test(source)) return /^-?0\d/.test(source) || !Number.isFinite(value) ? undefined : value;
  if (Number.isSafeInteger(value)) return value;
  return source.length > maxIntegerDigits ? undefined : toExactNumber(source);
}

function readText(cursor: Cursor): string | undefined {
  const read = readPythonText(cursor.text, cursor.index);
  if (read === null) return undefined;
  cursor.index = read.end;
  return read.value;
}

function readList(cursor: Cursor, depth: number): Read {
  const items: JsonValue[] = [];
  for (;;) {
    if (take(cursor, ']')) return items;
    const item = readValue(cursor, depth + 1);
    if (item === undefined) return undefined;
    items.push(item);
    if (take(cursor, ',')) continue;
    return take(cursor, ']') ? items : undefined;
  }
}

function readDict(cursor: Cursor, depth: number): JsonObject | undefined {
  const members = new Map<string, JsonValue>();
  for (;;) {
    if (take(cursor, '}')) return Object.fromEntries(members);
    const key = readText(cursor);
    if (key === undefined || !take(cursor, ':')) return undefined;
    const value = readValue(cursor, depth + 1);
    if (value === undefined) return undefined;
    members.set(key, value);
    if (take(cursor, ',')) continue;
    return take(cursor, '}') ? Object.fromEntries(members) : undefined;
  }
}

function readValue(cursor: Cursor, depth: number): Read {
  if (depth > maxLiteralNesting) return undefined;
  if (take(cursor, '{')) return readDict(cursor, depth);
  if (take(cursor, '[')) return readList(cursor, depth);
  const found = match(cursor, word);
  if (found !== null) return wordValues[found];
  const source = match(cursor, number);
  return source === null ? readText(cursor) : toNumber(source);
}

/**
 * Reads a Python dict literal whose values JSON can hold: texts, numbers, `None`, `True`, `False`, lists and dicts.
 *
 * *Contract:* never throws. Null for everything else, also for literals that Python would read and JSON cannot hold (sets, tuples,
 * bytes, keys that are no texts) and for rare forms (prefixes, joined texts, other number bases): the tolerant reading follows.
 */
export function parsePythonDict(text: string): JsonObject | null {
  const start = /^[ \t]*/.exec(text)?.[0].length ?? 0;
  if (text[start] !== '{' || /[\r\0]/.test(text) || !text.isWellFormed()) return null;
  const cursor: Cursor = { text, index: start + 1 };
  const read = readDict(cursor, 1);
  return read !== undefined && tail.test(text.slice(cursor.index)) ? read : null;
}

import { isPythonSpace } from '../../text/python-space.ts';
import type { Loose, LooseObject } from './values.ts';

/** What surrounds the place that is being read. */
export type Context = 'key' | 'value' | 'list';

/** Quotes that begin or end a text. */
export const quotes: readonly string[] = ['"', "'", '“', '”'];

/**
 * How deep functions may call one another, in calls.
 *
 * Source: Python's limit of 1,000, less what stands above the reader. Beyond it the original's reader gives up.
 */
const maxCalls = 990;

/**
 * Characters that may be looked at in all.
 *
 * Looking ahead at every comma is quadratic, and a hostile text must not take minutes; arguments of a reply's length stay far below.
 */
const maxLooks = 60_000_000;

/** The reader gives up: the text is nested too deep, or too long to be looked through again and again. */
export class GivenUp extends Error {}

/** Reads a part; what a part may contain is reached through the reader, since parts contain one another. */
type ReadPart<T> = (reader: Reader) => T;

/** The parts of a text that contain one another. */
export interface Parts {
  readonly value: ReadPart<Loose>;
  readonly object: ReadPart<LooseObject>;
  readonly list: ReadPart<Loose[]>;
}

/** A text being read, by code points: where the reader is, and what surrounds it. */
export interface Reader {
  /** The code points; a list where some of them take two units, or one was put in. */
  characters: string | string[];
  index: number;
  readonly contexts: Context[];
  readonly parts: Parts;
  calls: number;
  looks: number;
}

/** A reader at the start of a text. */
export function createReader(text: string, parts: Parts): Reader {
  const hasPairs = /[\ud800-\udbff][\udc00-\udfff]/.test(text);
  const characters = hasPairs ? Array.from(text) : text;
  return { characters, index: 0, contexts: [], parts, calls: 0, looks: 0 };
}

/** The character `offset` places from the reader, undefined beyond the text. */
export function at(reader: Reader, offset = 0): string | undefined {
  return reader.characters[reader.index + offset];
}

/** The innermost context. */
export function context(reader: Reader): Context | undefined {
  return reader.contexts.at(-1);
}

/** Does any of the surrounding contexts match? */
export function isWithin(reader: Reader, wanted: Context): boolean {
  return reader.contexts.includes(wanted);
}

/** Runs `body` some calls deeper. @throws GivenUp beyond the limit of calls */
export function deeper<T>(reader: Reader, calls: number, body: () => T): T {
  reader.calls += calls;
  if (reader.calls >= maxCalls) throw new GivenUp();
  const result = body();
  reader.calls -= calls;
  return result;
}

/** Counts characters that were looked at ahead of the reader. @throws GivenUp beyond the limit */
export function countLooks(reader: Reader, looks: number): void {
  reader.looks += looks;
  if (reader.looks > maxLooks) throw new GivenUp();
}

/** Moves the reader over white space. */
export function skipSpace(reader: Reader): void {
  for (let next = at(reader); next !== undefined && isPythonSpace(next); next = at(reader)) reader.index += 1;
}

/** The offset of the first character from `offset` on that is no white space; the reader stays. */
export function pastSpace(reader: Reader, offset: number): number {
  let past = offset;
  for (let next = at(reader, past); next !== undefined && isPythonSpace(next); next = at(reader, past)) past += 1;
  countLooks(reader, past - offset + 1);
  return past;
}

/** The place of the first of `wanted` from `from` on, or that of the text's end. */
function seek(characters: string | readonly string[], wanted: readonly string[], from: number): number {
  const [only] = wanted;
  if (wanted.length === 1 && only !== undefined) {
    const found = characters.indexOf(only, from);
    return found < 0 ? characters.length : found;
  }
  let place = from;
  while (place < characters.length && !wanted.includes(characters[place] ?? '')) place += 1;
  return place;
}

/**
 * The offset of the first of `wanted` from `offset` on that no backslash stands before, or of the text's end; the reader stays.
 *
 * @throws GivenUp after hundreds of escaped ones: the original calls itself for each
 */
export function find(reader: Reader, wanted: readonly string[], offset: number): number {
  const { characters, index } = reader;
  let from = offset;
  for (let escaped = 1; ; escaped += 1) {
    if (reader.calls + escaped >= maxCalls) throw new GivenUp();
    if (index + from >= characters.length) return from;
    const found = seek(characters, wanted, index + from) - index;
    countLooks(reader, found - from + 1);
    if (index + found >= characters.length || at(reader, found - 1) !== '\\') return found;
    from = found + 1;
  }
}

/** Puts a character before `place` and moves the reader there. What was there has been read: it is written over, not moved. */
export function putBefore(reader: Reader, place: number, character: string): void {
  const characters = typeof reader.characters === 'string' ? Array.from(reader.characters) : reader.characters;
  reader.characters = characters;
  reader.index = place - 1;
  characters[reader.index] = character;
}

const letter = /^\p{L}$/u;
const letterOrNumber = /^[\p{L}\p{N}]$/u;
/** Decimal digits of every script, and the others that Unicode gives the value of one digit. */
const digit =
  /^[\p{Nd}\xb2\xb3\xb9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\u{10a40}-\u{10a43}\u{10e60}-\u{10e68}\u{11052}-\u{1105a}\u{1f100}-\u{1f10a}]$/u;

const asciiLetter = /^[A-Za-z]$/;

/** Python's `isalpha` of one character. */
export function isLetter(character: string | undefined): boolean {
  if (character === undefined) return false;
  return character < '\x80' ? asciiLetter.test(character) : letter.test(character);
}

/** Python's `isalnum` of one character. */
export const isLetterOrNumber = (character: string): boolean => letterOrNumber.test(character);

/** Python's `isdigit` of one character. */
export const isDigit = (character: string): boolean => digit.test(character);

import type { JsonValue } from './json-value.ts';
import { readComment } from './tolerant/comment.ts';
import { readList } from './tolerant/list.ts';
import { readNumber } from './tolerant/number.ts';
import { readObject } from './tolerant/object.ts';
import {
  at,
  createReader,
  deeper,
  GivenUp,
  isDigit,
  isLetter,
  quotes,
  type Parts,
  type Reader,
} from './tolerant/reader.ts';
import { readText } from './tolerant/text.ts';
import { hasSameShape, type Loose, toJson } from './tolerant/values.ts';

/** Behind an opening bracket: what it opens. */
function readOpened(reader: Reader, bracket: string): Loose {
  reader.index += 1;
  return bracket === '{' ? readObject(reader) : readList(reader);
}

function readPart(reader: Reader, character: string): Loose | undefined {
  if (character === '{' || character === '[') return readOpened(reader, character);
  const isInside = reader.contexts.length > 0;
  if (isInside && (quotes.includes(character) || isLetter(character))) return readText(reader);
  if (isInside && (isDigit(character) || '-.'.includes(character))) return readNumber(reader);
  return character === '#' || character === '/' ? readComment(reader) : undefined;
}

/** The next value; what can begin none is skipped, and an empty text stands for the end. */
function readValue(reader: Reader): Loose {
  return deeper(reader, 1, () => {
    for (let next = at(reader); next !== undefined; next = at(reader)) {
      const value = readPart(reader, next);
      if (value !== undefined) return value;
      reader.index += 1;
    }
    return '';
  });
}

const parts: Parts = { value: readValue, object: readObject, list: readList };

/** All values of the text: one alone, several as a list; of two in a row with the same shape the later one stands. */
function readAll(reader: Reader): Loose {
  const values = [readValue(reader)];
  while (reader.index < reader.characters.length) {
    const value = readValue(reader);
    if (value === '') {
      reader.index += 1;
      continue;
    }
    if (hasSameShape(values.at(-1) ?? null, value)) values.pop();
    values.push(value);
  }
  return values.length === 1 ? (values[0] ?? null) : values;
}

/**
 * Reads JSON with faults: missing or wrong quotes, brackets and commas, comments, words around it, several values.
 *
 * Agrees with json_repair 0.50.0, on which the checkpoints' replies were read. Undefined when nothing can be read, or when the
 * text is nested beyond its reach.
 *
 * *Contract:* pure, never throws, bounded in time.
 */
export function parseTolerantJson(text: string): JsonValue | undefined {
  try {
    const value = readAll(createReader(text, parts));
    return value === '' ? undefined : toJson(value);
  } catch (error) {
    if (error instanceof GivenUp) return undefined;
    throw error;
  }
}

import { at, deeper, putBefore, isWithin, type Reader, skipSpace } from './reader.ts';
import { readText } from './text.ts';
import type { Loose, LooseObject } from './values.ts';

/** A list where a key should be continues the list of the key before it. False when there is none to continue. */
function extendLastList(reader: Reader, object: LooseObject): boolean {
  const lastKey = [...object.keys()].at(-1) ?? '';
  const list = object.get(lastKey);
  if (lastKey === '' || !Array.isArray(list)) return false;
  reader.index += 1;
  const more = reader.parts.list(reader);
  const [first] = more;
  list.push(...(more.length === 1 && Array.isArray(first) ? first : more));
  skipSpace(reader);
  if (at(reader) === ',') reader.index += 1;
  skipSpace(reader);
  return true;
}

/** The next member's key, and where it began. */
function readKey(reader: Reader, object: LooseObject): { readonly key: string; readonly start: number } {
  let start = reader.index;
  while (at(reader) !== undefined) {
    start = reader.index;
    if (at(reader) === '[' && extendLastList(reader, object)) continue;
    const read = readText(reader);
    const key = typeof read === 'string' ? read : '';
    if (key !== '') return { key, start };
    skipSpace(reader);
    const next = at(reader);
    if (next === ':' || next === '}') break;
  }
  return { key: '', start };
}

function readMemberValue(reader: Reader): Loose {
  reader.contexts.push('value');
  skipSpace(reader);
  const next = at(reader);
  const value = next === ',' || next === '}' ? '' : reader.parts.value(reader);
  reader.contexts.pop();
  return value;
}

const isAtEnd = (reader: Reader) => (at(reader) ?? '}') === '}';

/** Reads one member. True when the object ends before it: its key is there already, so it belongs to the next object of a list. */
function readMember(reader: Reader, object: LooseObject): boolean {
  skipSpace(reader);
  if (at(reader) === ':') reader.index += 1;
  // Stays where no value follows, as it does in the original: what comes after the object is then read as inside one.
  reader.contexts.push('key');
  const { key, start } = readKey(reader, object);
  if (isWithin(reader, 'list') && object.has(key)) {
    putBefore(reader, start, '{');
    reader.index -= 1;
    return true;
  }
  skipSpace(reader);
  if (isAtEnd(reader)) return false;
  reader.index += 1;
  reader.contexts.pop();
  object.set(key, readMemberValue(reader));
  const next = at(reader);
  if (next === ',' || next === "'" || next === '"') reader.index += 1;
  skipSpace(reader);
  return false;
}

/** Reads an object whose opening brace is behind the reader. */
export function readObject(reader: Reader): LooseObject {
  return deeper(reader, 2, () => {
    const object: LooseObject = new Map();
    while (!isAtEnd(reader)) if (readMember(reader, object)) break;
    reader.index += 1;
    return object;
  });
}

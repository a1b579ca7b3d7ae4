import { isPythonSpace } from '../../text/python-space.ts';
import { at, deeper, find, pastSpace, quotes, type Reader, skipSpace } from './reader.ts';
import { readText } from './text.ts';
import { isBlank, type Loose } from './values.ts';

/** An item; a text before a colon is the first key of an object that lacks its brace. */
function readItem(reader: Reader, first: string): Loose {
  if (!quotes.includes(first)) return reader.parts.value(reader);
  const past = pastSpace(reader, find(reader, [first], 1) + 1);
  return at(reader, past) === ':' ? reader.parts.object(reader) : readText(reader);
}

/** Moves past white space and commas. */
function skipSeparators(reader: Reader): void {
  for (let next = at(reader); next !== undefined; next = at(reader)) {
    if (next !== ',' && !isPythonSpace(next)) return;
    reader.index += 1;
  }
}

/** Reads a list whose opening bracket is behind the reader; items without content are left out. */
export function readList(reader: Reader): Loose[] {
  return deeper(reader, 2, () => {
    const items: Loose[] = [];
    reader.contexts.push('list');
    for (let first = at(reader); first !== undefined && first !== ']' && first !== '}'; first = at(reader)) {
      skipSpace(reader);
      const item = readItem(reader, first);
      if (isBlank(item)) reader.index += 1;
      else if (item !== '...' || at(reader, -1) !== '.') items.push(item);
      skipSeparators(reader);
    }
    reader.index += 1;
    reader.contexts.pop();
    return items;
  });
}

import { at, context, deeper, isLetter, type Reader } from './reader.ts';
import { readText } from './text.ts';
import { type Loose, toNumberOrText } from './values.ts';

const numberCharacters = new Set('0123456789-.eE/,');

/** A number in one of many forms; a text where a letter follows, or where no number can be made of it. */
export function readNumber(reader: Reader): Loose {
  return deeper(reader, 2, () => {
    const inList = context(reader) === 'list';
    let source = '';
    for (let next = at(reader); next !== undefined && numberCharacters.has(next); next = at(reader)) {
      if (inList && next === ',') break;
      source += next;
      reader.index += 1;
    }
    if (/[-eE/,]$/.test(source)) {
      source = source.slice(0, -1);
      reader.index -= 1;
    } else if (isLetter(at(reader))) {
      reader.index -= source.length;
      return readText(reader);
    }
    return toNumberOrText(source);
  });
}

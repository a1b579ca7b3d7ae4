import { at, deeper, isWithin, type Reader } from './reader.ts';
import type { Loose } from './values.ts';

/** What ends a comment that runs to the end of its line: the line's end, or what closes the surroundings. */
function lineEnds(reader: Reader): string[] {
  const ends = ['\n', '\r'];
  if (isWithin(reader, 'list')) ends.push(']');
  if (isWithin(reader, 'value')) ends.push('}');
  if (isWithin(reader, 'key')) ends.push(':');
  return ends;
}

function skipLine(reader: Reader): void {
  const ends = lineEnds(reader);
  for (let next = at(reader); next !== undefined && !ends.includes(next); next = at(reader)) reader.index += 1;
}

/** Skips a comment in the manner of C; one that is not closed runs to the end of the text. */
function skipBlock(reader: Reader): void {
  // The star of the opening may be the one that closes it: "/*/" is whole.
  for (reader.index += 2; at(reader) !== undefined; reader.index += 1) {
    if (at(reader) === '/' && at(reader, -1) === '*') {
      reader.index += 1;
      return;
    }
  }
}

/** Skips a comment, and gives what follows it where nothing surrounds it; else an empty text. */
export function readComment(reader: Reader): Loose {
  return deeper(reader, 2, () => {
    if (at(reader) === '#') skipLine(reader);
    else if (at(reader, 1) === '/') {
      reader.index += 2;
      skipLine(reader);
    } else if (at(reader, 1) === '*') skipBlock(reader);
    else reader.index += 1;
    return reader.contexts.length === 0 ? reader.parts.value(reader) : '';
  });
}

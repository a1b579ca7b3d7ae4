import { isPythonSpace, trimPythonEnd } from '../../text/python-space.ts';
import { readComment } from './comment.ts';
import { at, context, deeper, find, isLetterOrNumber, pastSpace, quotes, type Reader, skipSpace } from './reader.ts';
import { isEscape, takeEscape } from './text-escape.ts';
import { endsAtColon, endsAtListEnd, endsAtSeparator } from './text-end.ts';
import { endsWith, type Piece, take } from './text-piece.ts';
import { meetQuote } from './text-quote.ts';
import type { Loose } from './values.ts';
import { readWord } from './word.ts';

/** Moves to the first character that a text can begin with. */
function seekStart(reader: Reader): string | undefined {
  let next = at(reader);
  while (next !== undefined && !quotes.includes(next) && !isLetterOrNumber(next)) {
    reader.index += 1;
    next = at(reader);
  }
  return next;
}

/** A text that begins with `first`; the quote that ends it follows from the one that begins it. */
function openPiece(first: string): Piece {
  const isBare = !quotes.includes(first);
  const right = first === "'" ? "'" : first === '“' ? '”' : '"';
  return { left: first === '“' ? '“' : right, right, isBare, isDoubled: false, isUnmatched: false, content: [] };
}

/** Does what belongs behind a key or a value follow the second quote? */
function isEmptyText(reader: Reader): boolean {
  const next = at(reader, 1);
  if (context(reader) === 'key') return next === ':';
  return context(reader) === 'value' && (next === ',' || next === '}');
}

/**
 * Judges a second opening quote right after the first.
 *
 * @returns true when the text is empty and ends here
 */
function meetDoubledStart(reader: Reader, piece: Piece): boolean {
  if (isEmptyText(reader)) {
    reader.index += 1;
    return true;
  }
  if (at(reader, 1) === piece.left) return true;
  const closing = find(reader, [piece.right], 1);
  if (at(reader, closing) !== undefined && at(reader, closing + 1) === piece.right) {
    piece.isDoubled = true;
    reader.index += 1;
    return false;
  }
  const after = at(reader, pastSpace(reader, 1));
  if (after !== undefined && [...quotes, '{', '['].includes(after)) {
    reader.index += 1;
    return true;
  }
  if (after === undefined || ![',', ']', '}'].includes(after)) reader.index += 1;
  return false;
}

/** Does a text without an opening quote end at this character? */
function endsBare(reader: Reader, character: string): boolean {
  if (context(reader) === 'key') return character === ':' || isPythonSpace(character);
  return context(reader) === 'list' && (character === ']' || character === ',');
}

/** Does the text end before this character, although no quote closes it? */
function endsBefore(reader: Reader, piece: Piece, character: string): boolean {
  if (piece.isBare && endsBare(reader, character)) return true;
  return endsAtSeparator(reader, piece, character) || endsAtListEnd(reader, piece, character);
}

/** Reads up to the end of the text; the reader stays before what ends it. */
function readContent(reader: Reader, piece: Piece): void {
  for (let next = at(reader); next !== undefined && next !== piece.right; next = at(reader)) {
    if (endsBefore(reader, piece, next)) return;
    take(reader, piece);
    const escaped = at(reader);
    if (escaped !== undefined && endsWith(piece, '\\') && isEscape(reader, piece, escaped)) {
      takeEscape(reader, piece, escaped);
      continue;
    }
    if (endsAtColon(reader, piece)) return;
    if (at(reader) === piece.right && !endsWith(piece, '\\') && meetQuote(reader, piece) === 'end') return;
  }
}

/** What is left of the text once its end is found. */
function closePiece(reader: Reader, piece: Piece): string {
  const end = at(reader);
  if (end !== undefined && piece.isBare && context(reader) === 'key' && isPythonSpace(end)) {
    skipSpace(reader);
    const next = at(reader);
    // A remark where a key should be.
    if (next !== ':' && next !== ',') return '';
  }
  if (end === piece.right) reader.index += 1;
  const content = piece.content.join('');
  const isLoose = end !== piece.right || piece.isBare || endsWith(piece, '\n');
  return isLoose ? trimPythonEnd(content) : content;
}

/** A text, quoted or bare; a bare `true`, `false` or `null` that is no key is its value. */
export function readText(reader: Reader): Loose {
  return deeper(reader, 2, () => {
    const start = at(reader);
    if (start === '#' || start === '/') return readComment(reader);
    const first = seekStart(reader);
    if (first === undefined) return '';
    const piece = openPiece(first);
    if (piece.isBare) {
      const word = context(reader) === 'key' ? undefined : readWord(reader);
      if (word !== undefined) return word;
    } else {
      reader.index += 1;
      if (at(reader) === piece.left && meetDoubledStart(reader, piece)) return '';
    }
    readContent(reader, piece);
    return closePiece(reader, piece);
  });
}

import { isPythonSpace } from '../../text/python-space.ts';
import { at, type Context, context, countLooks, find, isLetter, isWithin, pastSpace, type Reader } from './reader.ts';
import { type Piece, take } from './text-piece.ts';

/** What becomes of a quote that would end the text: it ends it, or it was looked at and the reading goes on. */
type Verdict = 'end' | 'go-on';

const isQuoteOf = (piece: Piece, character: string) => character === piece.right || character === piece.left;

/** In a bare value: a quote that begins the next key ends the value one character earlier. */
function meetInBareValue(reader: Reader, piece: Piece): Verdict {
  let ahead = 1;
  for (let next = at(reader, ahead); next !== undefined && !isQuoteOf(piece, next); next = at(reader, ahead))
    ahead += 1;
  countLooks(reader, ahead);
  if (at(reader, ahead) !== undefined && at(reader, pastSpace(reader, ahead + 1)) === ':') reader.index -= 1;
  return 'end';
}

/** What would end the value, object or list, were it met on the way to the next quote. */
function closersOf(reader: Reader): string {
  const ofKey = isWithin(reader, 'key') ? ':}' : '';
  const ofValue = isWithin(reader, 'value') ? '}' : '';
  return ofKey + ofValue + (isWithin(reader, 'list') ? '],' : '');
}

/** The offset of the next quote, or of what closes the surroundings before it; in a value a comma does so only before letters. */
function lookAhead(reader: Reader, piece: Piece): number {
  const closers = closersOf(reader);
  let commaCloses = context(reader) === 'value';
  for (let ahead = 1; ; ahead += 1) {
    const next = at(reader, ahead);
    countLooks(reader, 1);
    if (next === undefined || isQuoteOf(piece, next)) return ahead;
    if (commaCloses && isLetter(next)) commaCloses = false;
    if (closers.includes(next) || (commaCloses && next === ',')) return ahead;
  }
}

/** Is there nothing but white space before the offset? */
function isSpaceUpTo(reader: Reader, ahead: number): boolean {
  for (let offset = 1; offset < ahead; offset += 1) {
    if (!isPythonSpace(at(reader, offset) ?? ' ')) return false;
  }
  return true;
}

/** Takes the quote as part of the text. */
function keep(reader: Reader, piece: Piece): Verdict {
  take(reader, piece);
  return 'go-on';
}

/** Takes the quote as part of the text; the next one is its partner, or this one was. */
function keepOneOfPair(reader: Reader, piece: Piece): Verdict {
  piece.isUnmatched = !piece.isUnmatched;
  return keep(reader, piece);
}

/** A comma follows the next quote of a value: does a key begin behind it? */
function hasKeyBehindComma(reader: Reader, piece: Piece, comma: number): { found: boolean; offset: number } {
  const opening = find(reader, [piece.left], comma + 1);
  const closing = find(reader, [piece.right], opening + 2);
  const offset = pastSpace(reader, closing + 1);
  return { found: at(reader, offset) === ':', offset };
}

/** Does a colon follow before the value, list or object ends? */
function hasColonAhead(reader: Reader, piece: Piece, from: number): boolean {
  for (let ahead = from; ; ahead += 1) {
    const next = at(reader, ahead);
    countLooks(reader, 1);
    if (next === undefined || next === ':') return next === ':';
    if (next === ',' || next === ']' || next === '}') return false;
    if (next === piece.right && at(reader, ahead - 1) !== '\\') return false;
  }
}

/** In a value, with another quote ahead: the end, unless no key comes behind that one. */
function meetInValue(reader: Reader, piece: Piece, ahead: number): Verdict {
  let offset = pastSpace(reader, ahead + 1);
  if (at(reader, offset) === ',') {
    const behind = hasKeyBehindComma(reader, piece, offset);
    if (behind.found) return keep(reader, piece);
    offset = behind.offset;
  }
  const closing = find(reader, [piece.right], offset + 1);
  return hasColonAhead(reader, piece, closing + 1) ? 'end' : keepOneOfPair(reader, piece);
}

/** In a list, with another quote ahead: the end, unless quotes come in pairs and no closing bracket is near. */
function meetInList(reader: Reader, piece: Piece, ahead: number): Verdict {
  const wanted = [piece.right, ']'];
  let offset = find(reader, wanted, ahead + 1);
  if (at(reader, offset) !== piece.right) return 'end';
  while (at(reader, offset) === piece.right) {
    offset = find(reader, wanted, offset + 1);
    offset = find(reader, wanted, offset + 1);
  }
  return at(reader, offset) === ']' ? 'end' : keepOneOfPair(reader, piece);
}

const meetInside: Readonly<Record<Context, (reader: Reader, piece: Piece, ahead: number) => Verdict>> = {
  value: meetInValue,
  list: meetInList,
  key: keep,
};

/** A comma ends the look ahead in a value: is the quote behind it the one that closes the value? */
function closesBehindComma(reader: Reader, piece: Piece, comma: number): boolean {
  const closing = find(reader, [piece.right], comma + 1);
  const next = at(reader, pastSpace(reader, closing + 1));
  return next === '}' || next === ',';
}

/** A quote in the middle: what comes up to the next one tells whether it ends the text. */
function meetInMiddle(reader: Reader, piece: Piece): Verdict {
  const ahead = lookAhead(reader, piece);
  const next = at(reader, ahead);
  const inside = context(reader);
  if (next === ',' && inside === 'value') {
    return closesBehindComma(reader, piece, ahead) ? keep(reader, piece) : 'end';
  }
  if (next !== piece.right || at(reader, ahead - 1) === '\\') return 'end';
  if (inside === undefined || isSpaceUpTo(reader, ahead)) return 'end';
  return meetInside[inside](reader, piece, ahead);
}

/** Judges the quote at the reader, which would end the text. */
export function meetQuote(reader: Reader, piece: Piece): Verdict {
  if (piece.isDoubled && at(reader, 1) === piece.right) {
    reader.index += 1;
    return 'end';
  }
  if (piece.isBare && context(reader) === 'value') return meetInBareValue(reader, piece);
  if (!piece.isUnmatched) return meetInMiddle(reader, piece);
  piece.isUnmatched = false;
  return keep(reader, piece);
}

import { at, context, find, GivenUp, isWithin, pastSpace, type Reader } from './reader.ts';
import { endsWith, type Piece } from './text-piece.ts';

const isSeparator = (character: string | undefined) => character === ',' || character === '}';

/** No closing quote follows: does the text end at this separator all the same? */
function endsWithoutQuote(reader: Reader, piece: Piece): boolean {
  // A colon ahead: keys and values go on without quotes.
  if (at(reader, find(reader, [':'], 1)) !== undefined) return true;
  if (at(reader, 1) === '\\') return false;
  const next = pastSpace(reader, 1);
  const brace = find(reader, ['}'], next);
  if (brace - next > 1) return false;
  return at(reader, brace) === undefined || !piece.content.includes('{');
}

/** A closing quote follows at `closing`: is it the one that closes this text? */
function closesThisText(reader: Reader, piece: Piece, closing: number): boolean {
  const after = pastSpace(reader, closing + 1);
  const next = at(reader, after);
  if (next === undefined || isSeparator(next)) return true;
  const opening = find(reader, [piece.left], after);
  if (at(reader, opening) === undefined) return true;
  const behind = at(reader, pastSpace(reader, opening + 1));
  return behind !== undefined && behind !== ':';
}

/** A comma or closing brace inside a value: does the text end before it, its closing quote missing? */
export function endsAtSeparator(reader: Reader, piece: Piece, character: string): boolean {
  if (context(reader) !== 'value' || !isSeparator(character) || endsWith(piece, piece.right)) return false;
  const closing = find(reader, [piece.right], 1);
  if (at(reader, closing) === undefined) return endsWithoutQuote(reader, piece);
  return !closesThisText(reader, piece, closing) && at(reader, 1) !== '\\';
}

/**
 * A closing bracket inside a list: does the text end before it, its closing quote missing?
 *
 * @throws GivenUp when the text is still empty, as the original does
 */
export function endsAtListEnd(reader: Reader, piece: Piece, character: string): boolean {
  if (character !== ']' || !isWithin(reader, 'list')) return false;
  if (piece.content.length === 0) throw new GivenUp();
  return !endsWith(piece, piece.right) && at(reader, find(reader, [piece.right], 0)) === undefined;
}

/** A colon inside a quoted key: does the key end before it, its closing quote missing? */
export function endsAtColon(reader: Reader, piece: Piece): boolean {
  if (at(reader) !== ':' || piece.isBare || context(reader) !== 'key') return false;
  const opening = find(reader, [piece.left], 1);
  if (at(reader, opening) === undefined) return true;
  const closing = find(reader, [piece.right], opening + 1);
  if (at(reader, closing) === undefined) return false;
  return isSeparator(at(reader, pastSpace(reader, closing + 1)));
}

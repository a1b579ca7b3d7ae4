import { at, type Reader } from './reader.ts';

/** A text while it is being read. */
export interface Piece {
  /** The quotes that begin and end it. */
  readonly left: string;
  readonly right: string;
  /** No quote begins it. */
  readonly isBare: boolean;
  /** Its quotes stand twice. */
  isDoubled: boolean;
  /** A quote that belongs to the text has been taken, and its partner has not. */
  isUnmatched: boolean;
  /** The characters taken so far; a list, since the last one is looked at after each. */
  readonly content: string[];
}

/** Takes the character at the reader into the text. */
export function take(reader: Reader, piece: Piece): void {
  piece.content.push(at(reader) ?? '');
  reader.index += 1;
}

/** Is this the last character taken? */
export function endsWith(piece: Piece, character: string): boolean {
  return piece.content.at(-1) === character;
}

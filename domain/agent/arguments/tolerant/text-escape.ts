import { at, quotes, type Reader } from './reader.ts';
import { endsWith, type Piece } from './text-piece.ts';

const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', b: '\b' };
const hexDigits: Readonly<Record<string, number>> = { u: 4, x: 2 };
const hexadecimal = /^[0-9a-fA-F]+$/;

const isPlain = (piece: Piece, character: string) =>
  character === piece.right || character === '\\' || Object.hasOwn(controls, character);

/** The hexadecimal digits behind the reader's character, or null when there are not enough of them. */
function readDigits(reader: Reader, count: number): string | null {
  let digits = '';
  for (let offset = 1; offset <= count; offset += 1) digits += at(reader, offset) ?? '';
  return digits.length === count && hexadecimal.test(digits) ? digits : null;
}

/** Is the character at the reader, behind a backslash, an escape that stands for something? */
export function isEscape(reader: Reader, piece: Piece, character: string): boolean {
  if (isPlain(piece, character)) return true;
  const count = hexDigits[character];
  if (count !== undefined) return readDigits(reader, count) !== null;
  return quotes.includes(character);
}

/** Puts what an escape stands for in the place of the backslash that ends the content. */
export function takeEscape(reader: Reader, piece: Piece, character: string): void {
  piece.content.pop();
  const count = hexDigits[character];
  if (count !== undefined) {
    piece.content.push(String.fromCharCode(Number.parseInt(readDigits(reader, count) ?? '', 16)));
    reader.index += 1 + count;
    return;
  }
  piece.content.push(controls[character] ?? character);
  reader.index += 1;
  if (!isPlain(piece, character)) return;
  // Backslashes in a row swallow one another.
  for (let next = at(reader); endsWith(piece, '\\'); next = at(reader)) {
    if (next !== piece.right && next !== '\\') return;
    piece.content.pop();
    piece.content.push(next);
    reader.index += 1;
  }
}

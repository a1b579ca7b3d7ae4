import { isPythonSpace } from '../agent/text/python-space.ts';

const decimalDigit = /^\p{Nd}$/u;

/** The value of a decimal digit of any script: its place in its run of ten. */
function digitValue(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  let first = point;
  while (decimalDigit.test(String.fromCodePoint(first - 1))) first -= 1;
  return (point - first) % 10;
}

/** Spaces and digits of other scripts as ASCII has them. */
function toAscii(text: string): string {
  if (/^[\0-\x7f]*$/.test(text)) return text;
  return Array.from(text, (character) => {
    if (character < '\x7f') return character;
    if (isPythonSpace(character)) return ' ';
    return decimalDigit.test(character) ? String(digitValue(character)) : '?';
  }).join('');
}

const digits = String.raw`\d(?:_?\d)*`;
const finite = new RegExp(`^[+-]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:[eE][+-]?${digits})?$`);
const infinite = /^([+-]?)inf(?:inity)?$/i;

/** What Python's `float` reads in a text: digits of every script, `_` between digits, `inf`, `nan`; null where it refuses. */
export function parsePythonFloat(text: string): number | null {
  const trimmed = toAscii(text).replace(/^[\t-\r ]+|[\t-\r ]+$/g, '');
  if (/^[+-]?nan$/i.test(trimmed)) return Number.NaN;
  const infinity = infinite.exec(trimmed);
  if (infinity !== null) return infinity[1] === '-' ? -Infinity : Infinity;
  return finite.test(trimmed) ? Number(trimmed.replaceAll('_', '')) : null;
}

/**
 * White space as Python sees it in `\s`, `strip` and `isspace` alike, as the inside of a character class.
 *
 * JavaScript's own differs: it lacks U+001C–U+001F and U+0085, and has U+FEFF. Source: MiroThinker protocol §3.1.
 */
export const pythonSpace = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;

const spaceCharacter = new RegExp(`^[${pythonSpace}]$`, 'u');

/** The white space characters, all of them single UTF-16 units. */
const spaces: ReadonlySet<string> = new Set(
  Array.from({ length: 0x3001 }, (_, unit) => String.fromCharCode(unit)).filter((text) => spaceCharacter.test(text)),
);

/** Is this one character white space to Python? */
export function isPythonSpace(character: string): boolean {
  return spaces.has(character);
}

/** Python's `lstrip`. */
export function trimPythonStart(text: string): string {
  let start = 0;
  while (start < text.length && spaces.has(text[start] ?? '')) start += 1;
  return text.slice(start);
}

/** Python's `rstrip`. */
export function trimPythonEnd(text: string): string {
  let end = text.length;
  while (end > 0 && spaces.has(text[end - 1] ?? '')) end -= 1;
  return text.slice(0, end);
}

/** Python's `strip`: removes exactly {@link pythonSpace} from both ends. */
export function trimPython(text: string): string {
  return trimPythonStart(trimPythonEnd(text));
}

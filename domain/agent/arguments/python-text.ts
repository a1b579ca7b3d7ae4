/** A text literal that was read, and where it ended. */
export interface PythonText {
  readonly value: string;
  readonly end: number;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const octal = /[0-7]{1,3}/y;

/** What stands for an escape, and how long it is after its backslash; null when Python refuses it or it needs a table of names. */
function readEscape(text: string, index: number): { readonly value: string; readonly length: number } | null {
  const character = text[index] ?? '';
  const simple = simpleEscapes[character];
  if (simple !== undefined) return { value: simple, length: 1 };
  const digits = hexDigits[character];
  if (digits !== undefined) {
    const source = text.slice(index + 1, index + 1 + digits);
    const point = Number.parseInt(source, 16);
    if (source.length < digits || !/^[0-9a-fA-F]+$/.test(source) || point > 0x10ffff) return null;
    return { value: String.fromCodePoint(point), length: 1 + digits };
  }
  octal.lastIndex = index;
  const source = octal.exec(text)?.[0];
  if (source !== undefined) return { value: String.fromCharCode(Number.parseInt(source, 8)), length: source.length };
  if (character === '' || character === 'N') return null;
  // Python keeps a backslash that escapes nothing.
  return { value: '\\', length: 0 };
}

/** Reads a Python text literal (single, double or triple quotes) that begins at `start`; null when it is none. */
export function readPythonText(text: string, start: number): PythonText | null {
  const quote = text[start];
  if (quote !== '"' && quote !== "'") return null;
  const isTriple = text.startsWith(quote.repeat(3), start);
  const delimiter = isTriple ? quote.repeat(3) : quote;
  let value = '';
  for (let index = start + delimiter.length; index < text.length;) {
    if (text.startsWith(delimiter, index)) return { value, end: index + delimiter.length };
    const character = text[index] ?? '';
    if (character === '\\') {
      const escape = readEscape(text, index + 1);
      if (escape === null) return null;
      value += escape.value;
      index += 1 + escape.length;
    } else if (character === '\n' && !isTriple) {
      return null;
    } else {
      value += character;
      index += 1;
    }
  }
  return null;
}

/** Characters that Python's `repr` shows by their code: controls, formats, surrogates, unassigned ones, and spaces but the plain one. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

const shortEscapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text as Python's `repr` shows it. *Source:* the Python language reference, `str.__repr__` and `str.isprintable`. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let shown = '';
  for (const character of text) {
    const short = shortEscapes[character];
    if (short !== undefined) shown += short;
    else if (character === quote) shown += `\\${quote}`;
    else shown += unprintable.test(character) ? toCode(character) : character;
  }
  return quote + shown + quote;
}

function toCode(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** A list of texts as Python shows it. */
export function pythonList(texts: readonly string[]): string {
  return `[${texts.map(pythonRepr).join(', ')}]`;
}

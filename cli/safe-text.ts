/**
 * Control characters, and characters that change how their neighbours are read: C0 and C1, bidirectional marks and
 * overrides, zero-width and tag characters, line and paragraph separators, lone surrogates.
 */
const unsafe =
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

function escapeOne(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\t') return '\\t';
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/** Text of models, tools and pages on one line of a terminal: it can move no cursor, clear nothing and hide nothing. */
export function toSafeLine(text: string): string {
  return text.replace(unsafe, escapeOne);
}

/** Like {@link toSafeLine}, with its line breaks and tabs kept. */
export function toSafeText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replace(unsafe, (character) => (character === '\n' || character === '\t' ? character : escapeOne(character)));
}

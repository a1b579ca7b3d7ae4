/** Where the box opened at `start` ends: a backslash escapes, an unclosed box runs to the end of the text. */
function closingBrace(text: string, start: number): number {
  let depth = 1;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\\') index += 1;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return index;
    }
  }
  return text.length;
}

/** Answers that say nothing. Source: MiroThinker's list of blank boxes, compared trimmed and in any case. */
const blanks = new Set(['', '?', '??', '???', '？', '……', '…', '...', 'unknown']);

/**
 * The content of the last `\boxed{…}` of a text, or null when there is none or it is blank.
 *
 * Braces nest; a box inside a box stays in the text. Linear in the text's length.
 */
export function extractBoxed(text: string): string | null {
  const opening = /\\boxed\s*\{/gu;
  let last: string | null = null;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const start = match.index + match[0].length;
    const end = closingBrace(text, start);
    last = text.slice(start, end).trim();
    opening.lastIndex = Math.max(end, start);
  }
  return last === null || blanks.has(last.toLowerCase()) ? null : last;
}

import type { AgentRules } from './rules.ts';
import { isPythonSpace, trimPython } from './text/python-space.ts';

const marker = String.raw`\boxed`;

/** Boxes that say nothing, trimmed and in lower case. Source: MiroThinker protocol §5.4. */
const blanks = new Set(['', '?', '??', '???', '？', '……', '…', '...', 'unknown']);

/** Where the brace of a box that begins behind `index` is, or −1. */
function findBrace(text: string, index: number): number {
  let next = index;
  while (next < text.length && isPythonSpace(text[next] ?? '')) next += 1;
  return text[next] === '{' ? next : -1;
}

/** Where the box that opens at `start` ends: a backslash escapes, an unclosed box runs to the end. */
function findEnd(text: string, start: number): number {
  let depth = 1;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\\') index += 1;
    else if (character === '{') depth += 1;
    else if (character === '}' && (depth -= 1) === 0) return index;
  }
  return text.length;
}

/**
 * The content of the last `\boxed{…}` of a text, trimmed; empty when there is none or it says nothing.
 *
 * Braces nest, and a box inside a box stays in the text. Linear in the text's length.
 */
export function findBoxed(rules: Pick<AgentRules, 'blankBoxes'>, text: string): string {
  let last = '';
  for (let index = text.indexOf(marker); index >= 0;) {
    const brace = findBrace(text, index + marker.length);
    const end = brace < 0 ? index + marker.length : findEnd(text, brace + 1);
    if (brace >= 0) last = trimPython(text.slice(brace + 1, end));
    index = text.indexOf(marker, end);
  }
  return rules.blankBoxes && blanks.has(last.toLowerCase()) ? '' : last;
}

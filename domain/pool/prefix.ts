import type { Message } from '../dialects/dialect.ts';

/** A placeholder is short; an observation that became one is masked, not changed. */
const longestPlaceholder = 200;

function isMasked(before: Message, after: Message): boolean {
  return (
    before.role === 'user' &&
    after.role === 'user' &&
    after.content.length <= longestPlaceholder &&
    after.content.length < before.content.length
  );
}

/**
 * The first message of a prompt that differs from the prompt before it in the same conversation, other than by being masked; null when
 * there is none, which is how it must be: whatever comes after a changed message is computed anew at every turn.
 *
 * A prompt without a reply begins another conversation, as a restarted attempt does.
 */
export function findSpoiledMessage(before: readonly Message[], after: readonly Message[]): number | null {
  if (!after.some(({ role }) => role === 'assistant')) return null;
  for (const [index, message] of before.entries()) {
    const next = after[index];
    if (next === undefined) return index;
    if (next.content === message.content && next.role === message.role) continue;
    if (!isMasked(message, next)) return index;
  }
  return null;
}

/** Characters that two rendered prompts have in common at their beginning. */
export function sharedPrefixChars(before: string, after: string): number {
  const end = Math.min(before.length, after.length);
  let low = 0;
  let high = end;
  // Halving by comparison of slices: a loop over characters would take most of the time of whoever asks.
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (before.slice(low, middle) === after.slice(low, middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

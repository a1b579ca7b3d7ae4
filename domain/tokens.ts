/**
 * An upper-leaning estimate of a text's tokens without a tokenizer: a quarter token per ASCII character, one per other.
 *
 * Used for bounds until the server's own count is known; `usage` is the truth.
 */
export function estimateTokens(text: string): number {
  let other = 0;
  for (const character of text) if (character.charCodeAt(0) > 127) other += 1;
  return Math.ceil((text.length - other) / 4) + other;
}

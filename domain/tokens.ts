/**
 * An upper-leaning estimate of a text's tokens without a tokenizer: a quarter token per ASCII character, one per other.
 *
 * Used for bounds until the server's own count is known; `usage` is the truth.
 */
export function estimateTokens(text: string): number {
  let other = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    // The second half of a pair belongs to the character that its first half has counted.
    if (unit > 127 && (unit & 0xfc00) !== 0xdc00) other += 1;
  }
  return Math.ceil((text.length - other) / 4) + other;
}

/** Is there a character at `index` that takes two UTF-16 units? */
function isPair(text: string, index: number): boolean {
  return (text.codePointAt(index) ?? 0) > 0xffff;
}

/** Python's `len` of a text: half a surrogate pair counts as one. */
export function countCodePoints(text: string): number {
  let pairs = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (isPair(text, index)) {
      pairs += 1;
      index += 1;
    }
  }
  return text.length - pairs;
}

/** The first `count` code points, or the whole text when it is shorter. */
export function firstCodePoints(text: string, count: number): string {
  if (text.length <= count) return text;
  let index = 0;
  for (let taken = 0; taken < count && index < text.length; taken += 1) index += isPair(text, index) ? 2 : 1;
  return text.slice(0, index);
}

/** The last `count` code points, or the whole text when it is shorter. */
export function lastCodePoints(text: string, count: number): string {
  let index = text.length;
  for (let taken = 0; taken < count && index > 0; taken += 1) index -= index > 1 && isPair(text, index - 2) ? 2 : 1;
  return text.slice(index);
}

/** A text of at most `limit` code points stays; a longer one is cut there and gets the note. */
export function cutCodePoints(text: string, limit: number, note: string): string {
  const head = firstCodePoints(text, limit);
  return head.length === text.length ? text : head + note;
}

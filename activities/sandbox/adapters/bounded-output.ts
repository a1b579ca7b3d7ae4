/** Suffix of a stream that was longer than its cap. Source: mirothinker, suffix of cut sandbox results. */
export const truncationNote = ' [Result truncated due to length limit]';

/** What is kept of one output stream. */
export interface BoundedOutput {
  readonly write: (chunk: Uint8Array) => void;
  /** The kept text; bytes that are not UTF-8 become U+FFFD. May be read at any time. */
  readonly text: () => string;
}

/**
 * Keeps the first code points of a stream.
 *
 * *Contract:* never holds more than four bytes a code point, whatever comes, and nothing of the chunks themselves.
 */
export function createBoundedOutput(maxCodePoints: number): BoundedOutput {
  const maxBytes = maxCodePoints * 4;
  const chunks: Buffer[] = [];
  let keptBytes = 0;
  let isCut = false;
  return {
    write: (chunk) => {
      const room = maxBytes - keptBytes;
      if (chunk.length > room) isCut = true;
      if (room <= 0) return;
      const kept = Buffer.from(chunk.subarray(0, room));
      chunks.push(kept);
      keptBytes += kept.length;
    },
    text: () => decode(Buffer.concat(chunks), { isCut, maxCodePoints }),
  };
}

function decode(bytes: Buffer, cut: { isCut: boolean; maxCodePoints: number }): string {
  // Four bytes a code point were kept, so a character that the cut went through lies behind the last one shown.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const end = codePointEnd(text, cut.maxCodePoints);
  return end === text.length && !cut.isCut ? text : text.slice(0, end) + truncationNote;
}

/** Index just after the first `count` code points, or the text's length. */
function codePointEnd(text: string, count: number): number {
  if (text.length <= count) return text.length;
  let index = 0;
  for (let seen = 0; seen < count && index < text.length; seen += 1) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return index;
}

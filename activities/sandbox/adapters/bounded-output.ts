import type { Readable } from 'node:stream';

/** Suffix of a stream that was longer than its cap. Source: mirothinker, suffix of cut sandbox results. */
export const truncationNote = ' [Result truncated due to length limit]';

/** What was kept of one output stream. */
export interface BoundedOutput {
  /** The kept text; bytes that are not UTF-8 become U+FFFD. May be read before the stream's end. */
  readonly text: () => string;
  /** Resolves when the stream has ended, failed or been destroyed; never rejects. */
  readonly closed: Promise<void>;
}

/**
 * Reads a stream to its end and keeps its first code points.
 *
 * *Contract:* never holds more than four bytes a code point, whatever comes; the rest is read and dropped, so that the
 * writer is never blocked.
 */
export function keepOutput(stream: Readable, maxCodePoints: number): BoundedOutput {
  const maxBytes = maxCodePoints * 4;
  const chunks: Buffer[] = [];
  let keptBytes = 0;
  let isCut = false;
  stream.on('data', (chunk: Buffer) => {
    const room = maxBytes - keptBytes;
    if (chunk.length > room) isCut = true;
    if (room <= 0) return;
    // Copied, so that a small slice does not keep the whole read buffer alive.
    const kept = Buffer.from(chunk.subarray(0, room));
    chunks.push(kept);
    keptBytes += kept.length;
  });
  const closed = new Promise<void>((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve());
  });
  return { text: () => decode(Buffer.concat(chunks), { isCut, maxCodePoints }), closed };
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

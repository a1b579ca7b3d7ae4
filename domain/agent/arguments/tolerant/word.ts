import { at, type Reader } from './reader.ts';

const words = [
  { text: 'true', value: true },
  { text: 'false', value: false },
  { text: 'null', value: null },
] as const;

/** Reads `true`, `false` or `null` in any case; undefined, and nothing read, when there is none of them. */
export function readWord(reader: Reader): boolean | null | undefined {
  for (const { text, value } of words) {
    const isHere = Array.from(text).every((letter, offset) => at(reader, offset)?.toLowerCase() === letter);
    if (!isHere) continue;
    reader.index += text.length;
    return value;
  }
  return undefined;
}

/** How many bytes follow a leading byte, and the range that the first of them must be in; null for no leading byte. */
function expectAfter(lead: number): { readonly count: number; readonly low: number; readonly high: number } | null {
  if (lead >= 0xc2 && lead <= 0xdf) return { count: 1, low: 0x80, high: 0xbf };
  if (lead >= 0xe0 && lead <= 0xef)
    return { count: 2, low: lead === 0xe0 ? 0xa0 : 0x80, high: lead === 0xed ? 0x9f : 0xbf };
  if (lead >= 0xf0 && lead <= 0xf4)
    return { count: 3, low: lead === 0xf0 ? 0x90 : 0x80, high: lead === 0xf4 ? 0x8f : 0xbf };
  return null;
}

/** Reads one character at `start`: its code point, or null and the length of what is no character. */
function readCharacter(
  bytes: readonly number[],
  start: number,
): { readonly point: number | null; readonly length: number } {
  const lead = bytes[start] ?? 0;
  if (lead < 0x80) return { point: lead, length: 1 };
  const expected = expectAfter(lead);
  if (expected === null) return { point: null, length: 1 };
  let point = lead & (0x3f >> expected.count);
  for (let offset = 1; offset <= expected.count; offset += 1) {
    const byte = bytes[start + offset] ?? 0;
    const low = offset === 1 ? expected.low : 0x80;
    const high = offset === 1 ? expected.high : 0xbf;
    if (byte < low || byte > high) return { point: null, length: offset };
    point = (point << 6) | (byte & 0x3f);
  }
  return { point, length: expected.count + 1 };
}

/** UTF-8 as Python decodes it; `bad` stands for each longest run that could begin a character and is none. */
export function decodeUtf8(bytes: readonly number[], bad: string): string {
  let text = '';
  for (let index = 0; index < bytes.length;) {
    const { point, length } = readCharacter(bytes, index);
    text += point === null ? bad : String.fromCodePoint(point);
    index += length;
  }
  return text;
}

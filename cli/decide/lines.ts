/**
 * The lines of a stream of UTF-8 bytes, without their ends, as many at once as have arrived; only a line feed ends a line.
 *
 * The platform's own reader of lines also splits at U+2028, which JSON texts may hold.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const chunk of chunks) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    if (parts.length > 0) yield parts;
  }
  rest += decoder.decode();
  if (rest !== '') yield [rest];
}

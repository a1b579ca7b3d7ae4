import { TextDecoder } from 'node:util';

import sniffEncoding from 'html-encoding-sniffer';

/** A body whose encoding is to be found. */
export interface EncodedText {
  readonly bytes: Uint8Array;
  /** The transport's `charset` parameter. */
  readonly charset: string | undefined;
  /** Does the text itself name its encoding in a `<meta>`? Only HTML does. */
  readonly hasMeta: boolean;
}

/**
 * Decodes a body as a browser would: byte order mark, then the header, then `<meta>`; without any of them UTF-8 when the bytes are, else
 * windows-1252. Never throws.
 *
 * *Source:* the HTML standard's encoding sniffing algorithm.
 */
export function decodeText(text: EncodedText): string {
  const name = sniffEncoding(text.bytes, {
    defaultEncoding: isUtf8(text.bytes) ? 'UTF-8' : 'windows-1252',
    ...(text.charset === undefined ? {} : { transportLayerEncodingLabel: text.charset }),
    ...(text.hasMeta ? {} : { maxPrescanBytes: 0 }),
  });
  return toDecoder(name).decode(text.bytes);
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A few names of the standard (`replacement`, `x-user-defined`) have no decoder here. */
function toDecoder(name: string): TextDecoder {
  try {
    return new TextDecoder(name);
  } catch {
    return new TextDecoder('utf-8');
  }
}

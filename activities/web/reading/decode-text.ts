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
 * Decodes a body as a browser would: byte order mark, then the header, then `<meta>`, then an XML declaration; without any of them UTF-8
 * when the bytes are, else windows-1252. Never throws.
 *
 * *Source:* the HTML standard's encoding sniffing algorithm.
 */
export function decodeText(text: EncodedText): string {
  const looksUtf8 = isUtf8(text.bytes);
  const options = {
    defaultEncoding: looksUtf8 ? 'UTF-8' : 'windows-1252',
    ...(text.charset === undefined ? {} : { transportLayerEncodingLabel: text.charset }),
  };
  const isXml =
    !text.hasMeta && /^(?:\xef\xbb\xbf)?\s*<\?xml/.test(Buffer.from(text.bytes.subarray(0, 64)).toString('latin1'));
  // A parser that meets a late `<meta>` begins again with its encoding, so what is no UTF-8 is searched further.
  const maxPrescanBytes = text.hasMeta ? (looksUtf8 ? 1024 : latePrescanBytes) : 0;
  const name = sniffEncoding(text.bytes, isXml ? { ...options, xml: true } : { ...options, maxPrescanBytes });
  return toDecoder(name).decode(text.bytes);
}

const latePrescanBytes = 65_536;

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

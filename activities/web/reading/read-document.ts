import { decodeText } from './decode-text.ts';
import { classify, type Classified, type DocumentKind, toCharset } from './document-kind.ts';
import type { PageLink } from './html/read-html.ts';
import { describeImage } from './describe-image.ts';
import { listArchive } from './list-archive.ts';

/** A document that is to be read. */
export interface DocumentSource {
  readonly bytes: Uint8Array;
  /** As the transport declares it; empty when it does not. */
  readonly contentType: string;
  /** Where links are relative to. */
  readonly url: string;
}

/** What a document says. */
export interface ReadDocument {
  readonly kind: DocumentKind;
  readonly mediaType: string;
  /** Null when it names none. */
  readonly title: string | null;
  /** The text to read; of an image, an archive or an unknown file a line that says what it is. */
  readonly markdown: string;
  readonly links: readonly PageLink[];
  /** Was the document longer than what is read? */
  readonly truncated: boolean;
}

/** Longest Markdown, in bytes of UTF-8. */
const maxMarkdownBytes = 8_000_000;
const maxTitleChars = 1000;
/** Of a text no more bytes are looked at: every encoding has said as much as fits by then. */
const maxTextBytes = 4 * maxMarkdownBytes;
/** Of a page no more is parsed. */
const maxHtmlChars = 8 * 1024 * 1024;

/** Classifies a document and reads it. @throws ReadError, PageLimitError for a document that cannot be read */
export async function readDocument(source: DocumentSource): Promise<ReadDocument> {
  const classified = await classify(source.bytes, source.contentType);
  const read = await readers[classified.kind](source, classified);
  return finish({ ...classified, title: null, links: [], truncated: false, ...read });
}

type Reader = (source: DocumentSource, classified: Classified) => Promise<Partial<ReadDocument> & { markdown: string }>;

/** A parser is loaded when a document of its kind comes: most processes meet pages only. */
const readers: Readonly<Record<DocumentKind, Reader>> = {
  html: async (source) => {
    const { readHtml } = await import('./html/read-html.ts');
    const html = decode(source, true);
    return { ...readHtml(html.slice(0, maxHtmlChars), source.url), truncated: html.length > maxHtmlChars };
  },
  pdf: async ({ bytes }) => {
    const { readPdf } = await import('./pdf/read-pdf.ts');
    const { title, text, isCut } = await readPdf(bytes);
    return { title, markdown: text, truncated: isCut };
  },
  office: async ({ bytes }, { mediaType }) => {
    const { readOffice } = await import('./office/read-office.ts');
    return readOffice(bytes, mediaType, maxMarkdownBytes);
  },
  text: (source) => Promise.resolve(toText(source)),
  json: (source) => Promise.resolve(toText(source)),
  archive: ({ bytes }, { mediaType }) => Promise.resolve({ markdown: listArchive(bytes, mediaType) }),
  image: ({ bytes }, { mediaType }) => Promise.resolve({ markdown: describeImage(bytes, mediaType) }),
  other: ({ bytes }, { mediaType }) =>
    Promise.resolve({
      markdown: `A file of type ${mediaType}, ${bytes.byteLength} bytes; it holds no text that can be read.`,
    }),
};

function toText(source: DocumentSource): { markdown: string; truncated: boolean } {
  const text = decode({ ...source, bytes: source.bytes.subarray(0, maxTextBytes) }, false);
  return { markdown: text.replaceAll('\r\n', '\n'), truncated: source.bytes.byteLength > maxTextBytes };
}

function decode({ bytes, contentType }: DocumentSource, hasMeta: boolean): string {
  return decodeText({ bytes, charset: toCharset(contentType), hasMeta });
}

/** Within the limits, and well-formed: a lone surrogate has no UTF-8. */
export function finish(document: ReadDocument): ReadDocument {
  const whole = document.markdown.toWellFormed().replaceAll('\0', '\ufffd');
  const isLong = whole.length > maxMarkdownBytes / 4 && Buffer.byteLength(whole) > maxMarkdownBytes;
  const title =
    document.title
      ?.toWellFormed()
      .replaceAll(/[\s\p{Cc}]+/gu, ' ')
      .trim()
      .slice(0, maxTitleChars) ?? '';
  return {
    ...document,
    title: title === '' ? null : title.toWellFormed(),
    markdown: isLong ? cutBytes(whole, maxMarkdownBytes) : whole,
    truncated: document.truncated || isLong,
  };
}

/** The longest beginning that is at most `maxBytes` of UTF-8. */
function cutBytes(text: string, maxBytes: number): string {
  const bytes = new TextEncoder().encode(text.slice(0, maxBytes)).subarray(0, maxBytes);
  // A character that was cut in two becomes one U+FFFD at the end, or more.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/\ufffd{1,3}$/, '');
}

import { ReadError } from '../read-error.ts';
import { unzip } from '../unzip.ts';
import { type Parts, readDocx } from './read-docx.ts';
import { readEpub } from './read-epub.ts';
import { readOdf } from './read-odf.ts';
import { readPptx } from './read-pptx.ts';
import { readRtf } from './read-rtf.ts';
import { readXlsx } from './read-xlsx.ts';
import { readXml } from './xml-events.ts';

/** An office document as a reader sees it. */
export interface OfficeDocument {
  readonly title: string | null;
  readonly markdown: string;
}

/** Parts that hold no text of the document. */
const foreignParts = /\.(?:png|jpe?g|gif|emf|wmf|svg|tiff?|bmp|bin|ttf|otf|woff2?|odttf|wav|mp[34]|css|js|vml)$/i;

/**
 * Reads a document of Word, Excel, PowerPoint, OpenDocument, EPUB or RTF.
 *
 * @throws ReadError when it is damaged, a bomb, or of a kind that cannot be read
 */
export function readOffice(bytes: Uint8Array, mediaType: string, maxChars: number): OfficeDocument {
  if (mediaType === 'application/rtf') return { title: null, markdown: readRtf(bytes) };
  if (mediaType === 'application/x-cfb')
    throw new ReadError(
      'the file is an Office document of the old binary kind, or an encrypted one; neither can be read',
    );
  const read = toReader(mediaType);
  const parts = unzip(bytes, (name) => !foreignParts.test(name));
  return { title: readTitle(parts), markdown: read(parts, maxChars) };
}

function toReader(mediaType: string): (parts: Parts, maxChars: number) => string {
  if (mediaType.includes('wordprocessingml')) return readDocx;
  if (mediaType.includes('spreadsheetml')) return readXlsx;
  if (mediaType.includes('presentationml')) return readPptx;
  if (mediaType.includes('opendocument')) return readOdf;
  if (mediaType.includes('epub')) return readEpub;
  throw new ReadError('the file is an office document of an unknown kind');
}

const titleElement = new Set(['dc:title']);
const titleParts = ['docProps/core.xml', 'meta.xml'];

function readTitle(parts: Parts): string | null {
  let title = '';
  const opf = [...parts.keys()].find((name) => name.endsWith('.opf'));
  for (const path of opf === undefined ? titleParts : [opf]) {
    if (title === '') readXml(parts.get(path), { textIn: titleElement, text: (text) => (title += text) });
  }
  const visible = title.replaceAll(/\s+/g, ' ').trim();
  return visible === '' ? null : visible;
}

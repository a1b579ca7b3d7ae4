import { extractText, getDocumentProxy, getMeta } from 'unpdf';

import { ReadError } from '../read-error.ts';

/** A PDF as a reader sees it. */
export interface PdfText {
  readonly title: string | null;
  readonly text: string;
  /** Were there more pages than are read? */
  readonly isCut: boolean;
}

/** More pages than this are not read. */
export const maxPdfPages = 500;

/**
 * Reads a PDF without any tool of the host. No script of the document is run, no font of the system is loaded, nothing is fetched.
 *
 * @throws ReadError when it is damaged, encrypted, or has no text
 */
export async function readPdf(bytes: Uint8Array): Promise<PdfText> {
  try {
    const document = await getDocumentProxy(new Uint8Array(bytes), {
      disableFontFace: true,
      useSystemFonts: false,
      stopAtErrors: false,
      verbosity: 0,
      maxImageSize: 1024 * 1024,
    });
    const { text, totalPages } = await extractText(document, { mergePages: false });
    const meta = await getMeta(document).catch(() => null);
    return {
      title: toPdfTitle(meta?.info['Title']),
      text: toPdfText(text.slice(0, maxPdfPages)),
      isCut: totalPages > maxPdfPages,
    };
  } catch (error) {
    const isLocked = error instanceof Error && error.name === 'PasswordException';
    throw new ReadError(isLocked ? 'the PDF is encrypted' : 'the PDF is damaged and cannot be read');
  }
}

/** A title that says something: file names of word processors and numbers do not. */
export function toPdfTitle(value: unknown): string | null {
  const title = typeof value === 'string' ? value.replaceAll(/[\s\0]+/g, ' ').trim() : '';
  return title === '' || /^(?:untitled|microsoft word - |\S+\.(?:docx?|dvi|tex|indd|pdf)$)/i.test(title)
    ? null
    : title.slice(0, 1000);
}

/** Pages as paragraphs: line ends inside a paragraph stay, since a PDF does not say which are its own. */
export function toPdfText(pages: readonly string[]): string {
  return pages
    .map((page) =>
      page
        .replaceAll(/[ \t]+\n/g, '\n')
        .replaceAll(/\n{3,}/g, '\n\n')
        .trim(),
    )
    .filter((page) => page !== '')
    .join('\n\n');
}

import { createMarkdownBuilder, type MarkdownBuilder } from './markdown-builder.ts';
import { readXml } from './xml-events.ts';

/** The parts of an office file by their path. */
export type Parts = ReadonlyMap<string, Uint8Array>;

interface Paragraph {
  text: string;
  style: string;
  level: number | null;
}

/** A Word document as Markdown: headings by their styles, lists, tables, footnotes at the end. */
export function readDocx(parts: Parts, maxChars: number): string {
  const markdown = createMarkdownBuilder(maxChars);
  const headings = readHeadingStyles(parts.get('word/styles.xml'));
  readBody(parts.get('word/document.xml'), markdown, headings);
  for (const name of ['word/footnotes.xml', 'word/endnotes.xml']) readBody(parts.get(name), markdown, headings);
  return markdown.toString();
}

/** Style ids are in the language of whoever made the file; their names are not. */
function readHeadingStyles(bytes: Uint8Array | undefined): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  let style = '';
  readXml(bytes, {
    open: {
      'w:style': (attributes) => (style = attributes['w:styleId'] ?? ''),
      'w:name': (attributes) => {
        const level = /^heading (\d)$/i.exec(attributes['w:val'] ?? '')?.[1];
        if (level !== undefined) levels.set(style, Number(level));
        else if (/^title$/i.test(attributes['w:val'] ?? '')) levels.set(style, 1);
      },
      'w:outlineLvl': (attributes) => {
        if (!levels.has(style)) levels.set(style, Number(attributes['w:val'] ?? 0) + 1);
      },
    },
  });
  return levels;
}

/** The second form of a drawing, and what was deleted: text that is not part of the document as it is read. */
const skip = new Set(['mc:Fallback', 'w:del', 'w:moveFrom']);

function readBody(
  bytes: Uint8Array | undefined,
  markdown: MarkdownBuilder,
  headings: ReadonlyMap<string, number>,
): void {
  const paragraphs: Paragraph[] = [];
  const tables: string[][][] = [];
  const add = (text: string): void => {
    const current = paragraphs.at(-1);
    if (current !== undefined) current.text += text;
  };
  const change = (edit: (paragraph: Paragraph) => void): void => {
    const current = paragraphs.at(-1);
    if (current !== undefined) edit(current);
  };
  readXml(bytes, {
    skip,
    textIn: new Set(['w:t']),
    text: add,
    open: {
      'w:p': () => paragraphs.push({ text: '', style: '', level: null }),
      'w:pStyle': (attributes) => change((paragraph) => (paragraph.style = attributes['w:val'] ?? '')),
      'w:numPr': () => change((paragraph) => (paragraph.level ??= 0)),
      'w:ilvl': (attributes) => change((paragraph) => (paragraph.level = Number(attributes['w:val'] ?? 0))),
      'w:tbl': () => tables.push([]),
      'w:tr': () => tables.at(-1)?.push([]),
      'w:tc': () => tables.at(-1)?.at(-1)?.push(''),
      'w:tab': () => add('\t'),
      'w:br': () => add('\n'),
      'w:cr': () => add('\n'),
      'w:noBreakHyphen': () => add('-'),
    },
    close: {
      'w:p': () => {
        const paragraph = paragraphs.pop();
        if (paragraph !== undefined && !addToCell(tables, paragraph.text))
          writeParagraph(paragraph, markdown, headings);
      },
      'w:tbl': () => {
        const rows = tables.pop() ?? [];
        // A table inside a cell becomes the cell's text.
        if (!addToCell(tables, rows.map((row) => row.join(' ')).join('; '))) markdown.table(rows);
      },
    },
  });
}

/** Adds to the last cell of the innermost open table; false when none is open. */
export function addToCell(tables: readonly string[][][], text: string): boolean {
  const row = tables.at(-1)?.at(-1);
  if (row === undefined || row.length === 0) return false;
  row[row.length - 1] = `${row.at(-1) ?? ''} ${text}`.trim();
  return true;
}

function writeParagraph(paragraph: Paragraph, markdown: MarkdownBuilder, headings: ReadonlyMap<string, number>): void {
  const heading = headings.get(paragraph.style) ?? /^heading(\d)$/i.exec(paragraph.style)?.[1] ?? null;
  if (heading !== null) markdown.heading(Number(heading), paragraph.text);
  else if (paragraph.level !== null || /^list/i.test(paragraph.style))
    markdown.item(paragraph.level ?? 0, paragraph.text);
  else markdown.paragraph(paragraph.text);
}

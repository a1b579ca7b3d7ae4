import { createMarkdownBuilder, type MarkdownBuilder } from './markdown-builder.ts';
import { addToCell, type Parts } from './read-docx.ts';
import { readXml, type XmlAttributes } from './xml-events.ts';

const maxColumns = 256;
const maxRepeats = 100;
const skip = new Set(['office:annotation', 'text:tracked-changes', 'text:note-citation', 'office:scripts']);

interface OdfParagraph {
  text: string;
  /** Of a heading; null for a paragraph. */
  readonly level: number | null;
}

/** A text, spreadsheet or presentation of the OpenDocument kind as Markdown. */
export function readOdf(parts: Parts, maxChars: number): string {
  const markdown = createMarkdownBuilder(maxChars);
  const paragraphs: OdfParagraph[] = [];
  const cells = createCells(markdown);
  let lists = 0;
  let slides = 0;
  const add = (text: string): void => {
    const current = paragraphs.at(-1);
    if (current !== undefined) current.text += text;
  };
  const finish = (): void => {
    const paragraph = paragraphs.pop();
    if (paragraph === undefined || addToCell(cells.tables, paragraph.text)) return;
    if (paragraph.level !== null) markdown.heading(paragraph.level, paragraph.text);
    else if (lists > 0) markdown.item(lists - 1, paragraph.text);
    else markdown.paragraph(paragraph.text);
  };
  readXml(parts.get('content.xml'), {
    skip,
    text: add,
    open: {
      'text:h': (attributes) => paragraphs.push({ text: '', level: toCount(attributes['text:outline-level'], 6) }),
      'text:p': () => paragraphs.push({ text: '', level: null }),
      'text:s': (attributes) => add(' '.repeat(toCount(attributes['text:c'], 100))),
      'text:tab': () => add('\t'),
      'text:line-break': () => add('\n'),
      'text:list': () => (lists += 1),
      'draw:page': () => markdown.heading(2, `Slide ${(slides += 1)}`),
      ...cells.open,
    },
    close: { 'text:h': finish, 'text:p': finish, 'text:list': () => (lists -= 1), ...cells.close },
  });
  return markdown.toString();
}

/** Tables, with the cells that stand for several. */
function createCells(markdown: MarkdownBuilder) {
  const tables: string[][][] = [];
  let repeat = 1;
  const openCell = (attributes: XmlAttributes): void => {
    repeat = toCount(attributes['table:number-columns-repeated'], maxRepeats);
    tables.at(-1)?.at(-1)?.push('');
  };
  const closeCell = (): void => {
    const row = tables.at(-1)?.at(-1) ?? [];
    const value = row.at(-1) ?? '';
    // Empty cells repeat to the edge of the sheet; there they say nothing.
    const times = value === '' && repeat >= maxRepeats ? 1 : repeat;
    for (let index = 1; index < times && row.length < maxColumns; index += 1) row.push(value);
    repeat = 1;
  };
  return {
    tables,
    open: {
      'table:table': (attributes: XmlAttributes) => {
        if (tables.length === 0) markdown.heading(2, attributes['table:name'] ?? '');
        tables.push([]);
      },
      'table:table-row': () => void tables.at(-1)?.push([]),
      'table:table-cell': openCell,
      'table:covered-table-cell': openCell,
    },
    close: {
      'table:table': () => markdown.table(tables.pop() ?? []),
      'table:table-cell': closeCell,
      'table:covered-table-cell': closeCell,
    },
  };
}

/** A number from 1 to `most`; 1 when it is none. */
function toCount(text: string | undefined, most: number): number {
  const count = Number(text ?? 1);
  return Number.isSafeInteger(count) && count >= 1 ? Math.min(count, most) : 1;
}

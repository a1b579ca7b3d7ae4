import { createMarkdownBuilder, type MarkdownBuilder } from './markdown-builder.ts';
import { addToCell, type Parts } from './read-docx.ts';
import { readRelations, toPath } from './read-xlsx.ts';
import { readXml } from './xml-events.ts';

/** A presentation as Markdown: one section a slide, in order, with its notes. */
export function readPptx(parts: Parts, maxChars: number): string {
  const markdown = createMarkdownBuilder(maxChars);
  for (const [index, path] of listSlides(parts).entries()) {
    const title = readTitle(parts.get(path));
    markdown.heading(2, title === '' ? `Slide ${index + 1}` : `Slide ${index + 1}: ${title}`);
    readSlide(parts.get(path), markdown);
    const notes = findNotes(parts, path);
    if (notes !== undefined) readNotes(notes, markdown);
  }
  return markdown.toString();
}

function listSlides(parts: Parts): string[] {
  const targets = readRelations(parts.get('ppt/_rels/presentation.xml.rels'));
  const slides: string[] = [];
  readXml(parts.get('ppt/presentation.xml'), {
    open: {
      'p:sldId': (attributes) => {
        const target = targets.get(attributes['r:id'] ?? '');
        if (target !== undefined) slides.push(toPath('ppt/', target));
      },
    },
  });
  return slides;
}

function findNotes(parts: Parts, slide: string): Uint8Array | undefined {
  const relations = readRelations(parts.get(slide.replace(/([^/]+)$/, '_rels/$1.rels')));
  const target = [...relations.values()].find((path) => path.includes('notesSlide'));
  return target === undefined ? undefined : parts.get(toPath('ppt/slides/', target));
}

/** What a slide holds: paragraphs with the kind of place they stand in, and tables. */
interface SlideHandlers {
  readonly paragraph: (text: string, place: { readonly placeholder: string; readonly level: number }) => void;
  readonly table: (rows: readonly (readonly string[])[]) => void;
}

function walkSlide(bytes: Uint8Array | undefined, handlers: SlideHandlers): void {
  const tables: string[][][] = [];
  let placeholder = '';
  let paragraph = '';
  let level = 0;
  readXml(bytes, {
    textIn: new Set(['a:t']),
    text: (text) => (paragraph += text),
    open: {
      'p:sp': () => (placeholder = ''),
      'p:ph': (attributes) => (placeholder = attributes['type'] ?? 'body'),
      'a:tbl': () => tables.push([]),
      'a:tr': () => tables.at(-1)?.push([]),
      'a:tc': () => tables.at(-1)?.at(-1)?.push(''),
      'a:p': () => ([paragraph, level] = ['', 0]),
      'a:pPr': (attributes) => (level = Number(attributes['lvl'] ?? 0)),
      'a:br': () => (paragraph += ' '),
    },
    close: {
      'a:tbl': () => handlers.table(tables.pop() ?? []),
      'a:p': () => {
        if (!addToCell(tables, paragraph)) handlers.paragraph(paragraph, { placeholder, level });
      },
    },
  });
}

function readTitle(bytes: Uint8Array | undefined): string {
  const title: string[] = [];
  walkSlide(bytes, {
    table: () => {},
    paragraph: (text, { placeholder }) => {
      if (/^(?:title|ctrTitle)$/.test(placeholder)) title.push(text);
    },
  });
  return title.join(' ').trim();
}

/** Everything but the title, dates, page numbers and footers. */
function readSlide(bytes: Uint8Array | undefined, markdown: MarkdownBuilder): void {
  walkSlide(bytes, {
    table: markdown.table,
    paragraph: (text, { placeholder, level }) => {
      if (/^(?:body|subTitle|obj)?$/.test(placeholder)) markdown.item(level, text);
    },
  });
}

function readNotes(bytes: Uint8Array, markdown: MarkdownBuilder): void {
  walkSlide(bytes, {
    table: markdown.table,
    paragraph: (text, { placeholder }) => {
      if (placeholder === 'body' && text.trim() !== '') markdown.paragraph(`Notes: ${text}`);
    },
  });
}

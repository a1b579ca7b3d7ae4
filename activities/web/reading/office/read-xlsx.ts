import { toDateText, isDateFormat } from './excel-dates.ts';
import { createMarkdownBuilder } from './markdown-builder.ts';
import type { Parts } from './read-docx.ts';
import { readXml } from './xml-events.ts';

interface Sheet {
  readonly name: string;
  readonly relation: string;
}

const maxColumns = 256;

/** A workbook as Markdown: one table a sheet, dates as dates, formulas by their last value. */
export function readXlsx(parts: Parts, maxChars: number): string {
  const markdown = createMarkdownBuilder(maxChars);
  const strings = readSharedStrings(parts.get('xl/sharedStrings.xml'));
  const dateStyles = readDateStyles(parts.get('xl/styles.xml'));
  const { sheets, is1904 } = readWorkbook(parts.get('xl/workbook.xml'));
  const targets = readRelations(parts.get('xl/_rels/workbook.xml.rels'));
  for (const { name, relation } of sheets) {
    const target = targets.get(relation) ?? '';
    const rows = readSheet(parts.get(toPath('xl/', target)), { strings, dateStyles, is1904 });
    if (rows.length === 0) continue;
    markdown.heading(2, name);
    markdown.table(rows);
  }
  return markdown.toString();
}

/** Targets are relative to the folder of the part, or to the root. */
export function toPath(folder: string, target: string): string {
  const path = target.startsWith('/') ? target : `/${folder}${target}`;
  return decodeURIComponent(new URL(path, 'file:///').pathname).slice(1);
}

/** The targets of a part's relations by their id. */
export function readRelations(bytes: Uint8Array | undefined): ReadonlyMap<string, string> {
  const targets = new Map<string, string>();
  readXml(bytes, {
    open: {
      Relationship: ({ Id, Target }) => {
        if (Id !== undefined && Target !== undefined) targets.set(Id, Target);
      },
    },
  });
  return targets;
}

function readWorkbook(bytes: Uint8Array | undefined): { sheets: readonly Sheet[]; is1904: boolean } {
  const sheets: Sheet[] = [];
  let is1904 = false;
  readXml(bytes, {
    open: {
      sheet: (attributes) => sheets.push({ name: attributes['name'] ?? '', relation: attributes['r:id'] ?? '' }),
      workbookPr: (attributes) => (is1904 = ['1', 'true'].includes(attributes['date1904'] ?? '')),
    },
  });
  return { sheets, is1904 };
}

/** Readings of Japanese words, which are shown above them. */
const phonetic = new Set(['rPh']);

function readSharedStrings(bytes: Uint8Array | undefined): readonly string[] {
  const strings: string[] = [];
  readXml(bytes, {
    skip: phonetic,
    textIn: new Set(['t']),
    text: (text) => {
      if (strings.length > 0) strings[strings.length - 1] += text;
    },
    open: { si: () => strings.push('') },
  });
  return strings;
}

/** Numbers of the cell styles that show dates. */
function readDateStyles(bytes: Uint8Array | undefined): ReadonlySet<number> {
  const formats = new Map<number, string>();
  const styles = new Set<number>();
  let inCells = false;
  let index = 0;
  readXml(bytes, {
    open: {
      numFmt: (attributes) => formats.set(Number(attributes['numFmtId']), attributes['formatCode'] ?? ''),
      cellXfs: () => (inCells = true),
      xf: (attributes) => {
        if (!inCells) return;
        const id = Number(attributes['numFmtId'] ?? 0);
        if (isDateFormat(id, formats.get(id))) styles.add(index);
        index += 1;
      },
    },
    close: { cellXfs: () => (inCells = false) },
  });
  return styles;
}

interface Workbook {
  readonly strings: readonly string[];
  readonly dateStyles: ReadonlySet<number>;
  readonly is1904: boolean;
}

function readSheet(bytes: Uint8Array | undefined, book: Workbook): string[][] {
  const rows: string[][] = [];
  let cell = { column: 0, type: '', style: 0, value: '' };
  readXml(bytes, {
    skip: phonetic,
    textIn: new Set(['v', 't']),
    text: (text) => (cell.value += text),
    open: {
      row: () => rows.push([]),
      c: (attributes) => {
        const column = attributes['r'] === undefined ? (rows.at(-1)?.length ?? 0) : toColumn(attributes['r']);
        cell = { column, type: attributes['t'] ?? 'n', style: Number(attributes['s'] ?? 0), value: '' };
      },
    },
    close: {
      c: () => {
        const row = rows.at(-1);
        if (row === undefined || cell.column >= maxColumns) return;
        while (row.length < cell.column) row.push('');
        row[cell.column] = toCellText(cell, book);
      },
    },
  });
  return rows.filter((row) => row.some((value) => value !== ''));
}

function toCellText(
  cell: { readonly type: string; readonly style: number; readonly value: string },
  book: Workbook,
): string {
  if (cell.type === 's') return book.strings[Number(cell.value)] ?? '';
  if (cell.type === 'b') return cell.value === '1' ? 'TRUE' : 'FALSE';
  if (cell.type !== 'n' || cell.value === '') return cell.value;
  if (book.dateStyles.has(cell.style)) return toDateText(Number(cell.value), book.is1904) ?? cell.value;
  const number = Number(cell.value);
  // Files hold the binary value in full; fifteen digits are what a spreadsheet shows.
  return Number.isFinite(number) ? String(Number(number.toPrecision(15))) : cell.value;
}

/** `AB12` is column 27, counted from 0. */
function toColumn(reference: string): number {
  const letters = /^[A-Z]{1,4}/i.exec(reference)?.[0].toUpperCase() ?? 'A';
  return Array.from(letters).reduce((sum, letter) => sum * 26 + (letter.codePointAt(0) ?? 65) - 64, 0) - 1;
}

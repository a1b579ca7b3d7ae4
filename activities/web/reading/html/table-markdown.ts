import { type PageElement, toVisibleText } from './page-dom.ts';

const maxCellChars = 500;
const maxColumns = 60;

/**
 * A table of data as a Markdown table; null for one that only lays out a page: nested, with one column, or with cells that hold more than
 * a cell of data would. Cells that span columns are repeated as empty ones.
 */
export function toTableMarkdown(table: PageElement, toText: (cell: PageElement) => string): string | null {
  if (table.querySelector('table') !== null) return null;
  const rows = [...table.querySelectorAll('tr')].map((row) => [...row.children]);
  const columns = Math.max(0, ...rows.map((cells) => cells.reduce((sum, cell) => sum + toSpan(cell), 0)));
  if (columns < 2 || columns > maxColumns || !rows.flat().every((cell) => isDataCell(cell))) return null;
  const lines = rows
    .map((cells) => cells.flatMap((cell) => [escapeCell(toText(cell)), ...blanks(toSpan(cell) - 1)]))
    .filter((cells) => cells.some((cell) => cell !== ''))
    .map((cells) => toLine([...cells, ...blanks(columns - cells.length)]));
  if (lines.length === 0) return '';
  const caption = toVisibleText(table.querySelector('caption') ?? { textContent: '' });
  const rule = toLine(Array.from({ length: columns }, () => '---'));
  return [...(caption === '' ? [] : [caption, '']), lines[0], rule, ...lines.slice(1)].join('\n');
}

function isDataCell(cell: PageElement): boolean {
  if ((cell.textContent ?? '').length > 8 * maxCellChars || toVisibleText(cell).length > maxCellChars) return false;
  return [...cell.querySelectorAll('p')].length <= 3 && cell.querySelector('h1, h2, h3, pre') === null;
}

function toSpan(cell: PageElement): number {
  const span = Number(cell.getAttribute('colspan') ?? 1);
  return Number.isSafeInteger(span) && span >= 1 && span <= maxColumns ? span : 1;
}

function blanks(count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, () => '');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

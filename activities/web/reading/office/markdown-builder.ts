/** Collects the blocks of a document as Markdown. */
export interface MarkdownBuilder {
  readonly heading: (level: number, text: string) => void;
  readonly paragraph: (text: string) => void;
  /** `level` counts from 0; neighbouring items make one list. */
  readonly item: (level: number, text: string) => void;
  /** The first row is the head. */
  readonly table: (rows: readonly (readonly string[])[]) => void;
  readonly toString: () => string;
}

/** Creates an empty document. What is longer than `maxChars` is no longer collected. */
export function createMarkdownBuilder(maxChars: number): MarkdownBuilder {
  const blocks: string[] = [];
  let chars = 0;
  let wasItem = false;
  const add = (block: string, isItem = false): void => {
    if (block === '' || chars > maxChars) return;
    const last = blocks.at(-1);
    if (isItem && wasItem && last !== undefined) blocks[blocks.length - 1] = `${last}\n${block}`;
    else blocks.push(block);
    chars += block.length;
    wasItem = isItem;
  };
  return {
    heading: (level, text) =>
      add(text.trim() === '' ? '' : `${'#'.repeat(Math.min(6, Math.max(1, level)))} ${toLine(text)}`),
    paragraph: (text) => add(text.trim()),
    item: (level, text) => add(text.trim() === '' ? '' : `${'  '.repeat(Math.min(8, level))}- ${toLine(text)}`, true),
    table: (rows) => add(toTable(rows)),
    toString: () => blocks.join('\n\n'),
  };
}

function toLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

function toTable(rows: readonly (readonly string[])[]): string {
  const filled = rows.map((row) => row.map((cell) => toLine(cell).replaceAll('|', '\\|')));
  const columns = Math.max(0, ...filled.map((row) => row.findLastIndex((cell) => cell !== '') + 1));
  const kept = filled.filter((row) => row.some((cell) => cell !== ''));
  if (columns === 0 || kept.length === 0) return '';
  if (columns === 1) return kept.map((row) => row[0] ?? '').join('\n\n');
  const lines = kept.map((row) => `| ${Array.from({ length: columns }, (_, index) => row[index] ?? '').join(' | ')} |`);
  return [lines[0], `|${' --- |'.repeat(columns)}`, ...lines.slice(1)].join('\n');
}

import { isElement, type PageElement, type PageNode, toVisibleText } from './page-dom.ts';
import { toTableMarkdown } from './table-markdown.ts';

const headingLevels: Readonly<Record<string, number>> = { h1: 1, h2: 2, h3: 3, h4: 4, h5: 5, h6: 6 };
const inlineCode = new Set(['code', 'kbd', 'samp', 'tt']);

/**
 * An element as Markdown: headings, paragraphs, lists, quotations, code and tables. Links and images are their text, emphasis is dropped:
 * the text is for reading and quoting, so nothing stands in it that the page does not say.
 *
 * Inline text that stands beside blocks must be in a block of its own, as leaf blocks are.
 */
export function toMarkdown(element: PageElement): string {
  return joinBlocks(toBlocks(element));
}

function joinBlocks(blocks: readonly string[]): string {
  return blocks.filter((block) => block !== '').join('\n\n');
}

function toBlocks(element: PageElement): string[] {
  const name = element.localName;
  const level = headingLevels[name];
  if (level !== undefined) return [prefixed(`${'#'.repeat(level)} `, toInline(element).replaceAll('\n', ' '))];
  if (name === 'pre') return [toFenced(element)];
  if (name === 'ul' || name === 'ol' || name === 'menu') return [toList(element)];
  if (name === 'blockquote') return [quoted(joinBlocks(childBlocks(element)))];
  if (name === 'table') {
    const table = toTableMarkdown(element, (cell) => toInline(cell).replaceAll(/\s*\n\s*/g, ' '));
    if (table !== null) return [table];
  }
  return childBlocks(element);
}

/** The blocks of the children, or the element's own text when it has no child block. */
function childBlocks(element: PageElement): string[] {
  const blocks: string[] = [];
  let inline: PageNode[] = [];
  const flush = (): void => {
    blocks.push(toInlineText(inline));
    inline = [];
  };
  for (const node of element.childNodes) {
    if (isElement(node) && isBlock(node)) {
      flush();
      blocks.push(...toBlocks(node));
    } else inline.push(node);
  }
  flush();
  return blocks.filter((block) => block !== '');
}

const inlineNames = new Set(
  (
    'a abbr acronym b bdi bdo big br cite code data del dfn em font i img ins kbd label mark nobr q ruby rb rt rp s samp small span strike strong ' +
    'sub sup time tt u var wbr output meter progress input'
  ).split(' '),
);

/** Unknown elements are inline unless a block is inside, as in `<custom-part><p>…`. */
function isBlock(element: PageElement): boolean {
  const { localName } = element;
  if (!inlineNames.has(localName) && !localName.includes('-')) return true;
  for (const child of element.children) if (isBlock(child)) return true;
  return false;
}

function toInline(element: PageElement): string {
  return toInlineText([...element.childNodes]);
}

function toInlineText(nodes: readonly PageNode[]): string {
  const parts: string[] = [];
  for (const node of nodes) collectInline(node, parts);
  return parts
    .join('')
    .split('\u0000')
    .map((line) => line.replaceAll(/\s+/g, ' ').trim())
    .filter((line) => line !== '')
    .join('\n');
}

/** A line break is marked by a character that HTML cannot hold, so that it outlives the folding of white space. */
function collectInline(node: PageNode, parts: string[]): void {
  if (!isElement(node)) {
    if (node.nodeType === 3) parts.push((node.textContent ?? '').replaceAll('\u0000', ''));
    return;
  }
  if (node.localName === 'br') parts.push('\u0000');
  else if (inlineCode.has(node.localName)) {
    const code = toVisibleText(node);
    if (code !== '') parts.push(`\`${code}\``);
  } else for (const child of node.childNodes) collectInline(child, parts);
}

function toFenced(element: PageElement): string {
  const code = (element.textContent ?? '').replaceAll(/\r\n?/g, '\n').replaceAll(/^\n+|\s+$/g, '');
  if (code === '') return '';
  const longest = Math.max(2, ...[...code.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${code}\n${fence}`;
}

function toList(list: PageElement): string {
  const isOrdered = list.localName === 'ol';
  const start = Number(list.getAttribute('start') ?? 1);
  let number = Number.isSafeInteger(start) ? start : 1;
  const items: string[] = [];
  for (const child of list.children) {
    const body = childBlocks(child).join('\n');
    if (body === '') continue;
    const bullet = isOrdered ? `${number}. ` : '- ';
    number += 1;
    items.push(child.localName === 'li' ? bullet + indented(body, bullet.length) : body);
  }
  return items.join('\n');
}

function indented(text: string, columns: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(columns)}`);
}

function quoted(text: string): string {
  return text === ''
    ? ''
    : text
        .split('\n')
        .map((line) => (line === '' ? '>' : `> ${line}`))
        .join('\n');
}

function prefixed(prefix: string, text: string): string {
  return text === '' ? '' : prefix + text;
}

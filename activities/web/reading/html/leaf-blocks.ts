import { isElement, type PageDocument, type PageElement, type PageNode, toVisibleText } from './page-dom.ts';

/** A stretch of text that nothing divides: what the main text is made of, or not, as a whole. */
export interface LeafBlock {
  readonly id: number;
  readonly element: PageElement;
  readonly text: string;
  /** Its length as a reader of Latin script would feel it: an ideograph says as much as three letters. */
  readonly size: number;
  /** Characters of `text` that are inside links. */
  readonly linkChars: number;
  /** Characters of `text` by the number of the element that they stand in: see {@link numberTexts}. */
  readonly sources: ReadonlyMap<string, number>;
}

/** Numbers an element that has text of its own, through cloning and rewriting. */
export const textAttribute = 'data-text';

/** Numbers every element that directly holds text, so that the text can be found again in a copy that was taken apart. */
export function numberTexts(document: PageDocument): void {
  let count = 0;
  for (const element of document.querySelectorAll('body, body *')) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === 3 && (node.textContent ?? '').trim() !== '',
    );
    if (!hasText) continue;
    element.setAttribute(textAttribute, String(count));
    count += 1;
  }
}

const blockNames = new Set(
  (
    'html body address article aside blockquote center dd details dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 ' +
    'header hgroup hr legend li main menu nav ol p pre search section select summary table caption tbody td tfoot th thead tr ul button textarea'
  ).split(' '),
);
const ideographs = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;

/** Their text cannot be divided further without changing what they are. */
const wholeNames = new Set(['pre', 'select', 'textarea', 'button']);
/** Only what belongs there may stand directly inside, so loose text is not wrapped. */
const strictParents = new Set(['table', 'tbody', 'thead', 'tfoot', 'tr', 'colgroup', 'select']);

/**
 * Divides a document into leaf blocks, in document order. Text that stands beside blocks is wrapped in a
 * paragraph; two line breaks divide one. Changes the document.
 */
export function markLeafBlocks(document: PageDocument): LeafBlock[] {
  const blocks: LeafBlock[] = [];
  const known = new Map<PageNode, boolean>();
  const mark = (element: PageElement): void => {
    const text = toVisibleText(element);
    if (text === '') return;
    blocks.push({
      id: blocks.length,
      element,
      text,
      size: text.length + 2 * (text.match(ideographs)?.length ?? 0),
      linkChars: countLinkChars(element),
      sources: toSources(element),
    });
  };
  visit(document.body, { document, mark, known });
  return blocks;
}

interface Visit {
  readonly document: PageDocument;
  readonly mark: (element: PageElement) => void;
  /** Nodes of which it is known whether they hold a block. */
  readonly known: Map<PageNode, boolean>;
}

function visit(parent: PageElement, context: Visit): void {
  const { document, mark, known } = context;
  const nodes = [...parent.childNodes];
  const hasBlocks = !wholeNames.has(parent.localName) && nodes.some((node) => holdsBlock(node, known));
  if (!hasBlocks) {
    mark(parent);
    return;
  }
  let run: PageNode[] = [];
  const close = (before: PageNode | null): void => {
    const wrapper = wrap(document, parent, { run, before });
    if (wrapper !== null) mark(wrapper);
    run = [];
  };
  for (const node of nodes) {
    if (!holdsBlock(node, known)) run.push(node);
    else if (isElement(node)) {
      close(node);
      if (node.localName !== 'br') visit(node, context);
    }
  }
  close(null);
}

/** Is the node a block, or an inline element around one? */
function holdsBlock(node: PageNode, known: Map<PageNode, boolean>): boolean {
  if (!isElement(node)) return false;
  if (node.localName === 'br') return isBreakBefore(node);
  if (blockNames.has(node.localName)) return true;
  let holds = known.get(node);
  if (holds === undefined) {
    holds = [...node.children].some((child) => holdsBlock(child, known));
    known.set(node, holds);
  }
  return holds;
}

/** Is this line break followed by another one, with nothing but white space between them? */
function isBreakBefore(node: PageElement): boolean {
  let next = node.nextSibling;
  while (next !== null && next.nodeType !== 1 && (next.textContent ?? '').trim() === '') next = next.nextSibling;
  return next !== null && isElement(next) && next.localName === 'br';
}

interface Run {
  readonly run: readonly PageNode[];
  readonly before: PageNode | null;
}

/** Puts a run of inline nodes into a paragraph of their own; null when there is nothing to read in it. */
function wrap(document: PageDocument, parent: PageElement, { run, before }: Run): PageElement | null {
  if (run.length === 0 || strictParents.has(parent.localName)) return null;
  if (run.every((node) => (node.textContent ?? '').trim() === '')) return null;
  const paragraph = document.createElement('p');
  parent.insertBefore(paragraph, before);
  paragraph.append(...run);
  return paragraph;
}

function countLinkChars(element: PageElement): number {
  if (element.localName === 'a') return toVisibleText(element).length;
  let chars = 0;
  for (const link of element.querySelectorAll('a')) chars += toVisibleText(link).length;
  if (chars === 0 && element.closest('a') !== null) return toVisibleText(element).length;
  return chars;
}

function toSources(block: PageElement): Map<string, number> {
  const sources = new Map<string, number>();
  const walk = (element: PageElement, inherited: string): void => {
    // A paragraph of ours has no number: its text stood in the element around it.
    const own = element.getAttribute(textAttribute) ?? inherited;
    for (const node of element.childNodes) {
      if (isElement(node)) walk(node, own);
      else if (node.nodeType === 3) {
        const chars = toVisibleText(node).length;
        if (chars > 0) sources.set(own, (sources.get(own) ?? 0) + chars);
      }
    }
  };
  walk(block, block.parentElement?.getAttribute(textAttribute) ?? '');
  return sources;
}

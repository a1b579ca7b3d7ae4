import { isCall, isForeign, isForeignByKind, isHidden } from './boilerplate.ts';
import type { LeafBlock } from './leaf-blocks.ts';
import {
  type Article,
  type BlockSet,
  countText,
  guessByArticle,
  guessByDensity,
  guessByStructure,
  isLinkList,
} from './main-candidates.ts';
import type { PageDocument, PageElement } from './page-dom.ts';
import { isNameless, isRunningText, type PageMap } from './page-map.ts';

const minMainChars = 250;
/** An element with this part of the text is the text, whatever it is called. */
const maxAsideShare = 0.5;
/** When less than this part is left, the names have misled. */
const minKeptShare = 0.25;
/** More than this before the first sentences is a list or a table, not a title with its date. */
const maxLeadChars = 300;

/**
 * Chooses the main text of a page: numbers of leaf blocks, in document order.
 *
 * Three guesses are compared. Readability's is the base, unless the other two agree with each other and not with it. What it took along
 * by mistake goes, what it left out of the middle comes back.
 */
export function chooseMainText(document: PageDocument, page: PageMap, article: Article): BlockSet {
  const byArticle = guessByArticle(article, page);
  const byStructure = guessByStructure(document, page);
  const byDensity = guessByDensity(document, page);
  const base = chooseBase(page, [byArticle, byStructure, byDensity]);
  const cleaned = withoutAsides(page, base);
  const completed = withMissing(page, cleaned, [byStructure, byDensity]);
  return withoutEnds(page, completed, article.title);
}

type Guesses = readonly [BlockSet, BlockSet, BlockSet];

function chooseBase(page: PageMap, [byArticle, byStructure, byDensity]: Guesses): BlockSet {
  const both = intersect(byStructure, byDensity);
  const isPart = charsOf(page, intersect(byArticle, both)) > 0.8 * charsOf(page, byArticle);
  const isSmall = charsOf(page, byArticle) < 0.2 * charsOf(page, both);
  if (similarity(page, byStructure, byDensity) > 0.8 && similarity(page, byArticle, both) < 0.5 && (!isPart || isSmall))
    return both;
  if (charsOf(page, byArticle) >= minMainChars) return byArticle;
  const widest = [byStructure, byDensity, byArticle].toSorted(
    (left, right) => charsOf(page, right) - charsOf(page, left),
  );
  return widest[0] ?? byArticle;
}

/** Without what is inside of something foreign, unless much of the text is: then it is only called so. */
function withoutAsides(page: PageMap, base: BlockSet): BlockSet {
  const shares = new Map<PageElement, number>();
  const total = charsOf(page, base);
  for (const block of blocksOf(page, base)) {
    for (let at: PageElement | null = block.element; at !== null; at = at.parentElement)
      shares.set(at, (shares.get(at) ?? 0) + ownChars(block));
  }
  const known = new Map<PageElement, boolean>();
  const isAsideElement = (element: PageElement): boolean => {
    const found = known.get(element);
    if (found !== undefined) return found;
    const isSmall = (shares.get(element) ?? 0) < maxAsideShare * total;
    const aside = isForeignByKind(element) || (isSmall && (isForeign(element) || isHidden(element)));
    known.set(element, aside);
    return aside;
  };
  const isAside = (block: LeafBlock): boolean => {
    const start = isNameless(block) ? block.element.parentElement : block.element;
    for (let at = start; at !== null; at = at.parentElement) if (isAsideElement(at)) return true;
    return false;
  };
  const kept = toSet(blocksOf(page, base).filter((block) => !isAside(block) && !isCall(block.text)));
  return charsOf(page, kept) >= minKeptShare * total ? kept : base;
}

/** With running text that others saw, where the base has a gap or ends: in the same element as its blocks, or in wrappers of the same kind. */
function withMissing(page: PageMap, base: BlockSet, others: readonly BlockSet[]): BlockSet {
  const running = blocksOf(page, base).filter((block) => isRunningText(block));
  const parents = new Set(running.map(({ element }) => element.parentElement));
  const wrappers = new Map(
    running.map(({ element }) => [toShape(element.parentElement), element.parentElement?.parentElement]),
  );
  const missing = page.blocks.filter((block) => {
    if (base.has(block.id) || !others.some((other) => other.has(block.id))) return false;
    if (!isRunningText(block) || page.isAside(block)) return false;
    const parent = block.element.parentElement;
    return parents.has(parent) || wrappers.get(toShape(parent)) === parent?.parentElement;
  });
  return new Set([...base, ...missing.map(({ id }) => id)]);
}

/** Wrappers of the same kind look alike: each paragraph in one of its own. */
function toShape(element: PageElement | null): string {
  return element === null ? '' : `${element.localName} ${element.className}`;
}

const headingName = /^h[1-6]$/;

/** Without what stands before the first and after the last sentences and belongs to neither: titles, dates, calls to share. */
function withoutEnds(page: PageMap, base: BlockSet, title: string): BlockSet {
  const blocks = blocksOf(page, base);
  const first = blocks.findIndex((block) => isRunningText(block));
  if (first === -1) return base;
  const last = blocks.findLastIndex((block) => isRunningText(block) || (isListed(block) && !isLinkList(block)));
  const isLong = countText(blocks.slice(0, first)) > maxLeadChars;
  const kept = blocks.filter((block, index) => {
    if (isSameTitle(block, title)) return false;
    if (index < first) return isLong && isListed(block) && !isLinkList(block);
    if (index > last) return isSentence(block);
    return true;
  });
  return toSet(withoutBareHeadings(kept));
}

/** A heading that nothing follows heads something that was left out. */
function withoutBareHeadings(blocks: readonly LeafBlock[]): LeafBlock[] {
  const last = blocks.findLastIndex(({ element }) => !headingName.test(element.localName));
  return blocks.slice(0, last + 1);
}

function isListed({ element }: LeafBlock): boolean {
  return element.closest('li, td, th, pre, dd, dt, blockquote') !== null;
}

function isSentence({ text, linkChars }: LeafBlock): boolean {
  return /[.!?。！？…”"»]$/u.test(text) && text.length > 25 && linkChars <= 0.5 * text.length;
}

function isSameTitle({ element, text }: LeafBlock, title: string): boolean {
  return headingName.test(element.localName) && title !== '' && toKey(text) === toKey(title);
}

function toKey(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

function ownChars({ size, linkChars }: LeafBlock): number {
  return Math.max(0, size - linkChars);
}

function blocksOf(page: PageMap, set: BlockSet): LeafBlock[] {
  return page.blocks.filter(({ id }) => set.has(id));
}

function toSet(blocks: readonly LeafBlock[]): BlockSet {
  return new Set(blocks.map(({ id }) => id));
}

function intersect(left: BlockSet, right: BlockSet): BlockSet {
  return new Set([...left].filter((id) => right.has(id)));
}

function charsOf(page: PageMap, set: BlockSet): number {
  return countText(blocksOf(page, set));
}

/** From 0 to 1: how much of both texts is common to both. */
function similarity(page: PageMap, left: BlockSet, right: BlockSet): number {
  const all = charsOf(page, left) + charsOf(page, right);
  return all === 0 ? 0 : (2 * charsOf(page, intersect(left, right))) / all;
}

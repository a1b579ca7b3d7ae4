import { Readability } from '@mozilla/readability';

import { toPageDocument } from './html-document.ts';
import { type LeafBlock, textAttribute } from './leaf-blocks.ts';
import type { PageDocument, PageElement } from './page-dom.ts';
import { isRunningText, type PageMap } from './page-map.ts';

/** A guess at the main text: numbers of leaf blocks. */
export type BlockSet = ReadonlySet<number>;

/** What Readability takes for the title and the main text: numbers of the elements whose own text it kept. */
export interface Article {
  readonly title: string;
  readonly texts: ReadonlySet<string>;
}

/** A page of more elements is a reference or a list, and would take Readability minutes. */
const maxArticleElements = 40_000;

/** Asks Readability. It takes its document apart, so it gets one of its own; on a page that breaks it, it has found nothing. */
export function readArticle(document: PageDocument): Article {
  const nothing = { title: '', texts: new Set<string>() };
  if ([...document.querySelectorAll('body *')].length > maxArticleElements) return nothing;
  const copy = toPageDocument(document.documentElement.outerHTML);
  try {
    const article = new Readability(copy).parse();
    const kept = toPageDocument(`<html><body>${article?.content ?? ''}</body></html>`);
    const texts = [...kept.querySelectorAll(`[${textAttribute}]`)].map((element) =>
      element.getAttribute(textAttribute),
    );
    return { title: article?.title ?? '', texts: new Set(texts.map(String)) };
  } catch {
    return nothing;
  }
}

/** The blocks of which Readability kept at least half. */
export function guessByArticle(article: Article, { blocks }: PageMap): BlockSet {
  const chosen = blocks.filter(({ sources }) => {
    let kept = 0;
    let all = 0;
    for (const [source, chars] of sources) {
      all += chars;
      if (article.texts.has(source)) kept += chars;
    }
    return kept * 2 >= all && kept > 0;
  });
  return new Set(chosen.map(({ id }) => id));
}

/** Where publishers put the text of an article, the surest first. */
const mainSelectors = [
  '[itemprop~="articleBody"]',
  '.entry-content, .post-content, .article-body, .article__body, .article-content, .article__content, .story-body, .post-body, ' +
    '.articleBody, .article-text, .story-content, .body-copy, .post-entry, .postarea, .storycontent, #articleContent, #article-body, ' +
    '#article-content, #story-body, #storybody, .td-post-content, .content-body, .post__content, .entry__content, .story-text, .rich-text',
  'article',
  '[role="main"], main',
  '#content, .content, #main, .main, #main-content, .main-content',
];
const minContainerChars = 250;
/** A page with more of one kind has lists, not texts. */
const maxContainers = 200;

/** What stands where publishers put the text of an article; empty when no such place is found. */
export function guessByStructure(document: PageDocument, page: PageMap): BlockSet {
  for (const selector of mainSelectors) {
    const found = [...document.querySelectorAll(selector)].slice(0, maxContainers);
    const outer = found.filter((element) => !found.some((other) => other !== element && other.contains(element)));
    const rated = outer.map((element) => ownBlocks(element, page)).map((own) => ({ own, chars: countText(own) }));
    const total = rated.reduce((sum, { chars }) => sum + chars, 0);
    if (total < minContainerChars) continue;
    const best = rated.reduce((left, right) => (right.chars > left.chars ? right : left));
    // Many of a kind are teasers, or the parts of one text; one of them that has most of it is the text.
    if (best.chars >= 0.6 * total) return toSet(best.own);
    if (selector !== 'article' && rated.length <= 12) return toSet(rated.flatMap(({ own }) => own));
  }
  return new Set();
}

/** The smallest part of the page that holds most of its running text. */
export function guessByDensity(document: PageDocument, page: PageMap): BlockSet {
  const running = page.blocks.filter((block) => isRunningText(block) && !page.isAside(block));
  const total = countText(running);
  if (total < minContainerChars) return new Set();
  const shares = new Map<PageElement, number>();
  for (const block of running) {
    for (let at: PageElement | null = block.element; at !== null; at = at.parentElement)
      shares.set(at, (shares.get(at) ?? 0) + block.size - block.linkChars);
  }
  const leaves = new Set(running.map(({ element }) => element));
  let container = document.body;
  for (;;) {
    const next = [...container.children].find((child) => (shares.get(child) ?? 0) >= 0.75 * total);
    if (next === undefined || leaves.has(next)) break;
    container = next;
  }
  return toSet(ownBlocks(container, page));
}

/** The blocks inside an element that are text of its own, not of something foreign in it. */
function ownBlocks(container: PageElement, page: PageMap): LeafBlock[] {
  const extent = page.extents.get(container);
  if (extent === undefined) return [];
  return page.blocks
    .slice(extent.first, extent.last + 1)
    .filter((block) => !isLinkList(block) && !page.isAside(block, container));
}

function toSet(blocks: readonly LeafBlock[]): BlockSet {
  return new Set(blocks.map(({ id }) => id));
}

/** A block that is a link, or mostly links: navigation, unless a sentence is around it. */
export function isLinkList(block: LeafBlock): boolean {
  return block.linkChars > 0.5 * block.text.length && block.text.length - block.linkChars < 60;
}

/** Characters outside of links. */
export function countText(blocks: readonly LeafBlock[]): number {
  return blocks.reduce((sum, { size, linkChars }) => sum + Math.max(0, size - linkChars), 0);
}

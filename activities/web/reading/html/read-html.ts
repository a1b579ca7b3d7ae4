import { isForeignByKind } from './boilerplate.ts';
import { toDocument } from './html-document.ts';
import { type LeafBlock, markLeafBlocks, numberTexts, textAttribute } from './leaf-blocks.ts';
import { type BlockSet, countText, isLinkList, readArticle } from './main-candidates.ts';
import { chooseMainText } from './main-text.ts';
import { type PageDocument, type PageElement, toVisibleText } from './page-dom.ts';
import { mapPage, type PageMap } from './page-map.ts';
import { readStructuredBody } from './structured-body.ts';
import { toMarkdown } from './to-markdown.ts';

/** A link of the text, in full. */
export interface PageLink {
  readonly text: string;
  readonly url: string;
}

/** A page as a reader sees it. */
export interface HtmlPage {
  readonly title: string | null;
  /** The main text, or all of the page's own text when no part of it is the main one. */
  readonly markdown: string;
  /** The links of `markdown`, in order, each address once. */
  readonly links: readonly PageLink[];
}

/** Main text under this part of what is to be read on the page means that the page has no main text: a list, a table, a forum. */
const minMainShare = 0.2;
const maxLinks = 500;
const maxLinkTextChars = 200;
/** Structured data that says this much more than what was found on the page is believed instead. */
const structuredFactor = 2;

/** Reads a page: its title, its main text as Markdown, its links. Throws `PageLimitError` for a page that is refused for its shape. */
export function readHtml(html: string, url: string): HtmlPage {
  const document = toDocument(html, url);
  const structured = readStructuredBody(document);
  for (const element of document.querySelectorAll('script')) element.remove();
  numberTexts(document);
  const article = readArticle(document);
  const page = mapPage(markLeafBlocks(document));
  const chosen = chooseText(document, page, article);
  const title = toTitle(document, article.title);
  const found = countText(page.blocks.filter(({ id }) => chosen.has(id)));
  if (structured !== null && structured.join(' ').length > structuredFactor * found)
    return { title, markdown: structured.join('\n\n'), links: [] };
  prune(document.body, page, chosen);
  return { title, markdown: toMarkdown(document.body), links: collectLinks(document) };
}

function chooseText(document: PageDocument, page: PageMap, article: ReturnType<typeof readArticle>): BlockSet {
  const main = chooseMainText(document, page, article);
  const own = page.blocks.filter((block) => main.has(block.id) || (!page.isAside(block) && !isLinkList(block)));
  const mainChars = countText(page.blocks.filter(({ id }) => main.has(id)));
  if (mainChars > 0 && mainChars >= minMainShare * countText(own)) return main;
  const readable = page.blocks.filter((block) => !isNavigation(block));
  return new Set((readable.length > 0 ? readable : page.blocks).map(({ id }) => id));
}

function isNavigation({ element }: LeafBlock): boolean {
  for (let at: PageElement | null = element; at !== null; at = at.parentElement) if (isForeignByKind(at)) return true;
  return false;
}

function toTitle(document: PageDocument, articleTitle: string): string | null {
  const heading = document.querySelector('h1');
  const title = articleTitle || document.title || (heading === null ? '' : (heading.textContent ?? ''));
  const visible = toVisibleText({ textContent: title });
  return visible === '' ? null : visible;
}

/** Takes out the blocks that are not chosen; of a table of which most is chosen, nothing. */
function prune(body: PageElement, page: PageMap, chosen: BlockSet): void {
  const whole = new Set<number>();
  for (const table of body.querySelectorAll('table')) {
    const extent = page.extents.get(table);
    if (extent === undefined || isNested(table)) continue;
    const inside = page.blocks.slice(extent.first, extent.last + 1);
    if (inside.filter(({ id }) => chosen.has(id)).length * 2 > inside.length)
      for (const { id } of inside) whole.add(id);
  }
  for (const { id, element } of page.blocks) if (!chosen.has(id) && !whole.has(id)) element.remove();
  for (const element of body.querySelectorAll(`[${textAttribute}]`)) element.removeAttribute(textAttribute);
}

function isNested(table: PageElement): boolean {
  const outer = table.parentElement?.closest('table') ?? null;
  return outer !== null;
}

function collectLinks(document: PageDocument): PageLink[] {
  const links = new Map<string, PageLink>();
  for (const element of document.querySelectorAll('a[href]')) {
    const url = element.getAttribute('href') ?? '';
    const text = toVisibleText(element).slice(0, maxLinkTextChars);
    if (text === '' || !/^https?:/.test(url) || links.has(url) || url.length > 2048) continue;
    links.set(url, { text, url });
    if (links.size >= maxLinks) break;
  }
  return [...links.values()];
}

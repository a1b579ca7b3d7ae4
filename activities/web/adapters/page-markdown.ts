import { gfm } from '@joplin/turndown-plugin-gfm';
import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import TurndownService from 'turndown';

/** A page as a reader sees it. */
export interface MarkdownPage {
  readonly title: string | null;
  readonly text: string;
}

/** Main text under this part of the whole means that the wrong part was taken for the main one. */
const minKeptShare = 0.3;
const unreadElements = ['script', 'style', 'noscript', 'template', 'iframe', 'svg', 'canvas', 'link', 'meta'];

/** HTML to Markdown: the main text, or the whole body when little of it was recognised. Links are absolute. */
export function toMarkdownPage(html: string, url: string): MarkdownPage {
  const whole = toDocument(html, url);
  const wholeLength = visibleLength(whole.body.textContent ?? '');
  const wholeTitle = whole.title.trim();
  const article = new Readability(toDocument(html, url)).parse();
  const title = (article?.title?.trim() || wholeTitle).replaceAll(/\s+/g, ' ') || null;
  const keptLength = visibleLength(article?.textContent ?? '');
  const main = article?.content ?? '';
  const isEnough = main !== '' && keptLength >= wholeLength * minKeptShare;
  return { title, text: toMarkdown(isEnough ? main : whole.body.innerHTML) };
}

function toDocument(html: string, url: string): Document {
  // Without these tags the parser takes a fragment's first element for the root.
  const isWhole = /<html[\s>]/i.test(html.slice(0, 100_000));
  const { document } = parseHTML(isWhole ? html : `<!doctype html><html><head></head><body>${html}</body></html>`);
  for (const element of document.querySelectorAll(unreadElements.join(','))) element.remove();
  const base = toBase(document, url);
  makeAbsolute(document, { selector: 'a[href]', attribute: 'href', base });
  makeAbsolute(document, { selector: 'img[src]', attribute: 'src', base });
  return document;
}

function toBase(document: Document, url: string): string {
  const href = document.querySelector('base[href]')?.getAttribute('href') ?? '';
  const base = URL.canParse(href, url) ? new URL(href, url) : new URL(url);
  return base.protocol === 'http:' || base.protocol === 'https:' ? base.href : url;
}

interface LinkRule {
  readonly selector: string;
  readonly attribute: string;
  readonly base: string;
}

/** Writes every link in full; one that leads to no web address (`javascript:`, `data:`) is taken out. */
function makeAbsolute(document: Document, { selector, attribute, base }: LinkRule): void {
  for (const element of document.querySelectorAll(selector)) {
    const value = element.getAttribute(attribute) ?? '';
    const url = URL.canParse(value, base) ? new URL(value, base) : null;
    if (url !== null && ['http:', 'https:', 'mailto:'].includes(url.protocol))
      element.setAttribute(attribute, url.href);
    else element.removeAttribute(attribute);
  }
}

function visibleLength(text: string): number {
  return text.replaceAll(/\s+/g, ' ').trim().length;
}

function toMarkdown(html: string): string {
  const turndown = new TurndownService({
    headingStyle: 'atx',
    codeBlockStyle: 'fenced',
    bulletListMarker: '-',
    hr: '---',
  });
  turndown.use(gfm);
  turndown.addRule('image', {
    filter: 'img',
    replacement: (_content, node) => {
      const alt = (node.getAttribute('alt') ?? '').replaceAll(/\s+/g, ' ').trim();
      const source = node.getAttribute('src') ?? '';
      return alt === '' ? '' : source === '' ? alt : `![${alt}](${source})`;
    },
  });
  return turndown
    .turndown(html)
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}

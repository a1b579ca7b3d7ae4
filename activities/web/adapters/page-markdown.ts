import { gfm } from '@joplin/turndown-plugin-gfm';
import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import TurndownService from 'turndown';

import type { PageDocument, PageElement } from './page-dom.ts';

/** A page as a reader sees it. */
export interface MarkdownPage {
  readonly title: string | null;
  readonly text: string;
}

/** Main text under this part of the whole means that the wrong part was taken for the main one. */
const minKeptShare = 0.3;
/** Holds nothing to read. */
const blindElements = ['style', 'template', 'iframe', 'svg', 'canvas'];
/** Holds nothing to read either, but what looks for the main text finds titles in it. */
const dataElements = ['script', 'noscript', 'link', 'meta'];

/** Deeper nesting is an attack: what looks for the main text takes time that grows with its square and more. */
const maxDepth = 512;

/** A page that is refused for its shape; `message` says which limit it broke. */
export class PageLimitError extends Error {}

/** HTML to Markdown: the main text, or the whole body when little of it was recognised. Links are absolute. Throws {@link PageLimitError}. */
export function toMarkdownPage(html: string, url: string): MarkdownPage {
  const whole = toDocument(html, url);
  if (toDepth(whole.documentElement) > maxDepth) throw new PageLimitError(`nested deeper than ${maxDepth} elements`);
  removeAll(whole, dataElements);
  const article = toArticle(html, url);
  const title = (article.title || whole.title).replaceAll(/\s+/g, ' ').trim();
  const wholeText = whole.body.textContent ?? '';
  const isEnough = article.length > 0 && article.length >= visibleLength(wholeText) * minKeptShare;
  return {
    title: title === '' ? null : title,
    text: toMarkdown(isEnough ? article.html : whole.body.innerHTML) ?? wholeText.trim(),
  };
}

interface Article {
  readonly title: string;
  readonly html: string;
  /** Of its visible text. */
  readonly length: number;
}

/** The main text as Readability sees it; empty when it sees none or breaks on the page. It takes its document apart. */
function toArticle(html: string, url: string): Article {
  const document = toDocument(html, url);
  try {
    const article = new Readability(document).parse();
    return {
      title: article?.title ?? '',
      html: article?.content ?? '',
      length: visibleLength(article?.textContent ?? ''),
    };
  } catch {
    return { title: '', html: '', length: 0 };
  }
}

function toDocument(html: string, url: string): PageDocument {
  // Without the tag the parser takes the first element for the root.
  const { document }: { document: PageDocument } = parseHTML(/<html[\s>]/i.test(html) ? html : `<html>${html}</html>`);
  removeAll(document, blindElements);
  completeDocument(document);
  const base = toBase(document, url);
  makeAbsolute(document, { selector: 'a[href]', attribute: 'href', base });
  makeAbsolute(document, { selector: 'img[src]', attribute: 'src', base });
  return document;
}

/** What may be left out in HTML is put in: content outside of head and body goes into the body, the title into the head. */
function completeDocument(document: PageDocument): void {
  const { head, body } = document;
  const outside = Array.from(document.documentElement.childNodes).filter((node) => node !== head && node !== body);
  // One by one: a page may have more of them than a call may have arguments.
  for (const node of outside) body.append(node);
  const title = document.querySelector('title');
  if (title !== null && !head.contains(title)) head.append(title);
}

function removeAll(document: PageDocument, names: readonly string[]): void {
  for (const element of document.querySelectorAll(names.join(','))) element.remove();
}

function toDepth(root: PageElement): number {
  let deepest = 0;
  let depth = 0;
  let element: PageElement | null = root;
  while (element !== null) {
    deepest = Math.max(deepest, depth);
    if (element.firstElementChild !== null) {
      element = element.firstElementChild;
      depth += 1;
      continue;
    }
    while (element !== null && element !== root && element.nextElementSibling === null) {
      element = element.parentElement;
      depth -= 1;
    }
    element = element === null || element === root ? null : element.nextElementSibling;
  }
  return deepest;
}

function toBase(document: PageDocument, url: string): string {
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
function makeAbsolute(document: PageDocument, { selector, attribute, base }: LinkRule): void {
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

/** Null for the few shapes that the converter breaks on: a frameset, for one. */
function toMarkdown(html: string): string | null {
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
  try {
    return turndown
      .turndown(html)
      .replaceAll(/\n{3,}/g, '\n\n')
      .trim();
  } catch {
    return null;
  }
}

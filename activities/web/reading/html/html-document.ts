import { parseHTML } from 'linkedom';
import { type DefaultTreeAdapterTypes, parse, serialize } from 'parse5';

import type { PageDocument } from './page-dom.ts';

/** Deeper nesting is an attack: what looks for the main text takes time that grows with its square and more. */
const maxDepth = 512;
/** More elements than this are no page that a person reads. */
const maxElements = 300_000;

/** A page that is refused for its shape; `message` says which limit it broke. */
export class PageLimitError extends Error {}

/** Holds nothing to read. */
const blindElements = new Set(
  'style template iframe svg canvas object embed applet audio video map noframes frameset dialog datalist noscript link'.split(
    ' ',
  ),
);
/** Says nothing of what an element holds, and there is much of it. */
const idleAttributes =
  /^(?:data-|on|aria-(?!hidden)|srcset$|sizes$|integrity$|jsaction$|ping$|loading$|decoding$|target$|tabindex$|nonce$)/;

/**
 * Parses as a browser does, whatever is missing or misnested, and takes out what holds nothing to read. Links are made absolute.
 *
 * Of scripts only structured data stays. Throws {@link PageLimitError}.
 */
export function toDocument(html: string, url: string): PageDocument {
  const tree = parse(html, { scriptingEnabled: false });
  thin(tree);
  const document = toPageDocument(serialize(tree, { scriptingEnabled: false }));
  const base = toBase(document, url);
  makeAbsolute(document, { selector: 'a[href]', attribute: 'href', base });
  makeAbsolute(document, { selector: 'img[src]', attribute: 'src', base });
  return document;
}

/** A document of well-formed HTML. */
export function toPageDocument(html: string): PageDocument {
  const { document }: { document: PageDocument } = parseHTML(html);
  return document;
}

type TreeNode = DefaultTreeAdapterTypes.Node;

/** Takes out what is not to be read, level by level, and counts what is left. */
function thin(root: TreeNode): void {
  let level: TreeNode[] = [root];
  let elements = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth + 2) throw new PageLimitError(`nested deeper than ${maxDepth} elements`);
    elements += level.length;
    if (elements > maxElements) throw new PageLimitError(`made of more than ${maxElements} elements`);
    level = level.flatMap((node) => thinChildren(node));
  }
}

/** The child elements that are left. */
function thinChildren(node: TreeNode): TreeNode[] {
  if (!('childNodes' in node)) return [];
  node.childNodes = node.childNodes.filter((child) => !isBlind(child));
  return node.childNodes.filter((child) => {
    if (!('tagName' in child)) return false;
    child.attrs = child.attrs.filter(({ name }) => !idleAttributes.test(name));
    return true;
  });
}

function isBlind(node: TreeNode): boolean {
  if (node.nodeName === '#comment') return true;
  if (!('tagName' in node)) return false;
  if (node.tagName !== 'script') return blindElements.has(node.tagName);
  return node.attrs.find(({ name }) => name === 'type')?.value !== 'application/ld+json';
}

function toBase(document: PageDocument, url: string): string {
  const href = document.querySelector('base[href]')?.getAttribute('href') ?? '';
  const base = URL.parse(href, url) ?? new URL(url);
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
    const url = URL.parse(element.getAttribute(attribute) ?? '', base);
    if (url !== null && ['http:', 'https:', 'mailto:'].includes(url.protocol))
      element.setAttribute(attribute, url.href);
    else element.removeAttribute(attribute);
  }
}

import { isForeign, isForeignByKind, isHidden } from './boilerplate.ts';
import type { LeafBlock } from './leaf-blocks.ts';
import type { PageElement } from './page-dom.ts';

/** What an element holds of a page's text. Its blocks are neighbours, since they are in document order. */
export interface Extent {
  readonly first: number;
  last: number;
  /** Characters of running text in it. */
  running: number;
}

/** The leaf blocks of a page, and which elements they are in. */
export interface PageMap {
  readonly blocks: readonly LeafBlock[];
  readonly extents: ReadonlyMap<PageElement, Extent>;
  /** Is the block, or something around it up to but without `end`, foreign to the page's text, or hidden? */
  readonly isAside: (block: LeafBlock, end?: PageElement) => boolean;
}

/** An element with this part of all running text is not foreign to it, whatever it is called. */
const mainShare = 0.5;

/** Looks over a page once, so that the questions about its parts are cheap. */
export function mapPage(blocks: readonly LeafBlock[]): PageMap {
  const extents = new Map<PageElement, Extent>();
  let total = 0;
  for (const block of blocks) {
    const running = isRunningText(block) ? block.text.length - block.linkChars : 0;
    total += running;
    for (let at: PageElement | null = block.element; at !== null; at = at.parentElement) {
      const extent = extents.get(at);
      if (extent === undefined) extents.set(at, { first: block.id, last: block.id, running });
      else {
        extent.last = block.id;
        extent.running += running;
      }
    }
  }
  const known = new Map<PageElement, boolean>();
  const isAsideElement = (element: PageElement): boolean => {
    let aside = known.get(element);
    if (aside === undefined) {
      const isMain = total > 0 && (extents.get(element)?.running ?? 0) >= mainShare * total;
      aside = isForeignByKind(element) || (!isMain && (isForeign(element) || isHidden(element)));
      known.set(element, aside);
    }
    return aside;
  };
  const isAside = (block: LeafBlock, end?: PageElement): boolean => {
    const start = isNameless(block) ? block.element.parentElement : block.element;
    for (let at = start; at !== null && at !== end; at = at.parentElement) if (isAsideElement(at)) return true;
    return false;
  };
  return { blocks, extents, isAside };
}

/** Sentences: long enough, and mostly not link. */
export function isRunningText(block: LeafBlock): boolean {
  return block.size >= 60 && block.linkChars <= 0.4 * block.text.length;
}

/** Running text in a paragraph is not foreign for the name of that paragraph. */
export function isNameless(block: LeafBlock): boolean {
  return isRunningText(block) && (block.element.localName === 'p' || block.element.localName === 'div');
}

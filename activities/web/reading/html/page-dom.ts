/** The few members of a node that page conversion uses; the project has no browser types. */
export interface PageNode {
  /** 1 an element, 3 text. */
  readonly nodeType: number;
  readonly textContent: string | null;
  readonly parentElement: PageElement | null;
  readonly nextSibling: PageNode | null;
  readonly remove: () => void;
}

/** The few members of an element that page conversion uses. */
export interface PageElement extends PageNode {
  /** Lower case. */
  readonly localName: string;
  readonly id: string;
  readonly className: string;
  readonly children: Iterable<PageElement>;
  readonly childNodes: Iterable<PageNode>;
  readonly firstElementChild: PageElement | null;
  readonly lastElementChild: PageElement | null;
  readonly nextElementSibling: PageElement | null;
  readonly previousElementSibling: PageElement | null;
  readonly innerHTML: string;
  readonly outerHTML: string;
  readonly getAttribute: (name: string) => string | null;
  readonly hasAttribute: (name: string) => boolean;
  readonly setAttribute: (name: string, value: string) => void;
  readonly removeAttribute: (name: string) => void;
  readonly contains: (element: PageNode) => boolean;
  readonly append: (...nodes: PageNode[]) => void;
  readonly before: (...nodes: (PageNode | string)[]) => void;
  readonly insertBefore: (node: PageNode, before: PageNode | null) => void;
  readonly replaceWith: (...nodes: (PageNode | string)[]) => void;
  readonly closest: (selector: string) => PageElement | null;
  readonly matches: (selector: string) => boolean;
  readonly querySelector: (selector: string) => PageElement | null;
  readonly querySelectorAll: (selector: string) => Iterable<PageElement>;
}

/** The few members of a document that page conversion uses. */
export interface PageDocument {
  readonly documentElement: PageElement;
  readonly head: PageElement;
  readonly body: PageElement;
  readonly title: string;
  readonly createElement: (name: string) => PageElement;
  readonly querySelector: (selector: string) => PageElement | null;
  readonly querySelectorAll: (selector: string) => Iterable<PageElement>;
}

/** Is the node an element? */
export function isElement(node: PageNode): node is PageElement {
  return node.nodeType === 1;
}

/** Text as a reader sees it: runs of white space are one blank. */
export function toVisibleText(node: { readonly textContent: string | null }): string {
  return (node.textContent ?? '').replaceAll(/\s+/g, ' ').trim();
}

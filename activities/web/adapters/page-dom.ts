/** The few members of an element that page conversion uses; the project has no browser types. */
export interface PageElement {
  readonly firstElementChild: PageElement | null;
  readonly nextElementSibling: PageElement | null;
  readonly parentElement: PageElement | null;
  readonly childNodes: Iterable<PageElement>;
  readonly textContent: string | null;
  readonly innerHTML: string;
  readonly getAttribute: (name: string) => string | null;
  readonly setAttribute: (name: string, value: string) => void;
  readonly removeAttribute: (name: string) => void;
  readonly contains: (element: PageElement) => boolean;
  readonly append: (element: PageElement) => void;
  readonly remove: () => void;
}

/** The few members of a document that page conversion uses. */
export interface PageDocument {
  readonly documentElement: PageElement;
  readonly head: PageElement;
  readonly body: PageElement;
  readonly title: string;
  readonly querySelector: (selector: string) => PageElement | null;
  readonly querySelectorAll: (selector: string) => Iterable<PageElement>;
}

import type { Page } from './ports.ts';

/** Begins the list of links below the text of a page. */
const linksHeading = '## Links of this page';

/**
 * What is kept and shown of a page: its text, and below it the links, so that no address interrupts a sentence that may be quoted. Pure.
 */
export function toPageText({ text, links }: Pick<Page, 'text' | 'links'>): string {
  if (links.length === 0) return text;
  return [text, '', linksHeading, '', ...links.map((link) => `- ${link.text}: ${link.url}`)].join('\n');
}

/** The text of a page without its list of links. Pure. */
export function withoutLinks(pageText: string): string {
  const at = pageText.lastIndexOf(`\n\n${linksHeading}\n\n`);
  return at === -1 ? pageText : pageText.slice(0, at);
}

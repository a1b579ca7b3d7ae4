import { type CorpusPage, pagePath } from './pages.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML. */
function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/gu, (character) => entities[character] ?? character);
}

/** One expression for all linked titles, longest first, so that a title inside another one is not taken. */
function titlePattern(titles: readonly string[]): RegExp | null {
  if (titles.length === 0) return null;
  const longestFirst = titles.toSorted((left, right) => right.length - left.length);
  const source = longestFirst.map((title) => title.replaceAll(/[\\^$.*+?()[\]{}|]/gu, '\\$&')).join('|');
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${source})(?![\\p{L}\\p{N}])`, 'gu');
}

/** The text with the first mention of each linked title as a hyperlink. */
function toLinkedHtml(text: string, titles: readonly string[]): (paragraph: string) => string {
  const pattern = titlePattern(titles);
  const seen = new Set<string>();
  return (paragraph) => {
    if (pattern === null) return escapeHtml(paragraph);
    let html = '';
    let from = 0;
    for (const match of paragraph.matchAll(pattern)) {
      html += escapeHtml(paragraph.slice(from, match.index));
      const title = escapeHtml(match[0]);
      html += seen.has(match[0]) ? title : `<a href="${escapeHtml(pagePath(match[0]))}">${title}</a>`;
      seen.add(match[0]);
      from = match.index + match[0].length;
    }
    return html + escapeHtml(paragraph.slice(from));
  };
}

/** A page as a small encyclopedia would show it: head, navigation, article, footer. */
export function toHtml(page: CorpusPage, titles: ReadonlySet<string>): string {
  const known = page.links.filter((title) => titles.has(title) && title !== page.title);
  const link = toLinkedHtml(page.text, known);
  const paragraphs = page.text.split(/\n\s*\n/u).map((paragraph) => `<p>${link(paragraph.trim())}</p>`);
  const related = known.map((title) => `<li><a href="${escapeHtml(pagePath(title))}">${escapeHtml(title)}</a></li>`);
  const title = escapeHtml(page.title);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,"></head>
<body>
<header><nav><a href="/">Contents</a> <a href="#article">Skip to the article</a></nav></header>
<main id="article"><article>
<h1>${title}</h1>
${paragraphs.join('\n')}
</article></main>
<aside><h2>See also</h2><ul>${related.join('')}</ul></aside>
<footer><p>Demonstration page served on this machine. Nothing here is stored or tracked.</p></footer>
</body>
</html>
`;
}

/** The list of all pages. */
export function toContentsHtml(pages: readonly CorpusPage[]): string {
  const items = pages.map(
    (page) => `<li><a href="${escapeHtml(pagePath(page.title))}">${escapeHtml(page.title)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Contents</title></head>
<body><main><h1>Contents</h1><ul>${items.join('\n')}</ul></main></body>
</html>
`;
}

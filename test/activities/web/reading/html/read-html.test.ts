import { describe, expect, it } from 'vitest';

import { PageLimitError } from '../../../../../activities/web/reading/html/html-document.ts';
import { readHtml } from '../../../../../activities/web/reading/html/read-html.ts';

const url = 'https://example.com/dir/page.html';
const sentence = 'The keeper climbs the stairs, trims the wick, and writes down the weather. ';
const other = 'The lens turned on a bath of mercury, driven by a clockwork that was wound each night. ';

const article = `<h2>Day</h2><p>${sentence.repeat(6)}</p><p>${other.repeat(5)}</p><p>${sentence.repeat(4)}</p>`;
const markdownOf = (body: string, head = '') =>
  readHtml(`<!doctype html><html><head>${head}</head><body>${body}</body></html>`, url).markdown;

describe('main text of a page', () => {
  it('navigation, footer, title, date and sharing: left out', () => {
    const page = readHtml(
      `<title>Keepers</title><nav><a href="/x">Shop</a></nav><article><h1>Keepers</h1><div class="byline">By A. Writer</div>
       <p>12 May 2019</p>${article}<p>Share this story on Facebook</p></article><footer>Imprint</footer>`,
      url,
    );
    expect(page.title).toBe('Keepers');
    expect(page.markdown.startsWith('## Day') || page.markdown.startsWith('The keeper climbs')).toBe(true);
    for (const word of ['Shop', 'Imprint', 'A. Writer', '2019', 'Share this', '# Keepers'])
      expect(page.markdown).not.toContain(word);
  });

  it.each([
    [
      'comments',
      `<section id="comments"><p>${'I do not agree with a word of this, as usual. '.repeat(4)}</p></section>`,
    ],
    [
      'related stories',
      `<div class="related-stories"><p>${'Ten more lamps that you must see this year. '.repeat(3)}</p></div>`,
    ],
    ['a newsletter', '<div class="newsletter-signup"><p>Get our newsletter, every morning in your inbox.</p></div>'],
    [
      'an author’s note',
      `<div class="author-bio"><p>${'A. Writer lives by the sea and likes to walk. '.repeat(2)}</p></div>`,
    ],
    ['a notice on cookies', '<div id="cookie-banner"><p>We use cookies to make this site work for you.</p></div>'],
    [
      'links to other stories',
      '<ul><li><a href="/1">One more story about a lamp</a></li><li><a href="/2">And another one of them</a></li></ul>',
    ],
  ])('%s below the text: left out', (_what, block) => {
    const markdown = markdownOf(`<main><article>${article}${block}</article></main>`);
    expect(markdown).toContain('The lens turned on a bath of mercury');
    expect(markdown.trimEnd().endsWith('writes down the weather.')).toBe(true);
  });

  it('a text whose container has a misleading name: kept', () => {
    const markdown = markdownOf(`<div class="sidebar-layout related"><div class="promo">${article}</div></div>`);
    expect(markdown).toContain('The lens turned');
  });

  it('paragraphs that are only divided by line breaks: are paragraphs', () => {
    const markdown = markdownOf(
      `<div id="story">${sentence.repeat(5)}<br><br>${other.repeat(5)}<br> <br>${sentence.repeat(3)}</div>`,
    );
    expect(markdown.split('\n\n')).toHaveLength(3);
  });

  it('a page without a main text: all of its own text', () => {
    const rows = Array.from(
      { length: 80 },
      (_, index) => `<div><span>Station ${index}</span> <span>height ${index * 3} metres</span></div>`,
    ).join('');
    const markdown = markdownOf(
      `<nav>Menu</nav><article><p>${sentence.repeat(4)}</p></article><section class="rows">${rows}</section>`,
    );
    expect(markdown).toContain('Station 0 height 0 metres');
    expect(markdown).toContain('Station 79 height 237 metres');
    expect(markdown).not.toContain('Menu');
  });

  it('a page whose text is in its structured data only: that text', () => {
    const body = `${sentence.repeat(4)}\n\n${other.repeat(4)}`;
    const script = `<script type="application/ld+json">${JSON.stringify({ '@graph': [{ '@type': 'NewsArticle', articleBody: body }] })}</script>`;
    expect(markdownOf('<div id="app">Loading the application, please wait.</div>', script)).toBe(
      `${sentence.repeat(4).trim()}\n\n${other.repeat(4).trim()}`,
    );
  });

  it('Japanese text: its short paragraphs are sentences', () => {
    const lines = Array.from(
      { length: 8 },
      (_, index) => `<p>灯台の明かりは${index}海里先からもはっきりと見えると船乗りたちは言う。</p>`,
    );
    expect(markdownOf(`<div class="post">${lines.join('')}</div>`).split('\n\n')).toHaveLength(8);
  });
});

function linked(html: string) {
  const { markdown, links } = readHtml(html, url);
  return { markdown, links };
}

describe('Markdown', () => {
  it('links: their text in the Markdown, their addresses beside it, absolute by the base element; no script links', () => {
    expect(linked('<p><a href="../a?b#c">a</a>')).toEqual({
      markdown: 'a',
      links: [{ text: 'a', url: 'https://example.com/a?b#c' }],
    });
    expect(
      linked('<html><head><base href="/base/"></head><body><a href="a">a</a> <a href="a">again</a>').links,
    ).toEqual([{ text: 'a', url: 'https://example.com/base/a' }]);
    expect(linked('<head><base href="javascript:x"></head><a href="a">a</a>').links).toEqual([
      { text: 'a', url: 'https://example.com/dir/a' },
    ]);
    expect(linked('<p><a href="javascript:alert(1)">a</a> <a href="data:text/html,x">b</a>')).toEqual({
      markdown: 'a b',
      links: [],
    });
  });

  it('headings, lists, quotations, code and tables: kept, in order', () => {
    const markdown = readHtml(
      `<h1>Top</h1><p>one<br>two</p><h3>Deep</h3><ul><li>a<ul><li>b</li></ul></li><li><p>c</p><p>d</p></li></ul><ol start="3"><li>x</li><li>y</li></ol>
       <blockquote><p>said</p></blockquote><pre>x = 1\n  y = 2</pre><p>call <code>f()</code> <b>now</b></p>
       <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2|3</td></tr><tr><td colspan="2">wide</td></tr></table><hr><dl><dt>t</dt><dd>d</dd></dl>`,
      url,
    ).markdown;
    expect(markdown).toBe(
      [
        '# Top',
        'one\ntwo',
        '### Deep',
        '- a\n  - b\n- c\n  d',
        '3. x\n4. y',
        '> said',
        '```\nx = 1\n  y = 2\n```',
        'call `f()` now',
        '| a | b |\n| --- | --- |\n| 1 | 2\\|3 |\n| wide |  |',
        't',
        'd',
      ].join('\n\n'),
    );
  });

  it('a table that lays out the page: its cells are blocks', () => {
    const markdown = markdownOf(
      `<table><tr><td><p>${sentence.repeat(5)}</p><p>${other.repeat(5)}</p></td><td><p>side</p></td></tr></table>`,
    );
    expect(markdown).not.toContain('|');
    expect(markdown).toContain('The lens turned');
  });

  it('scripts, styles, frames, drawings and images: left out', () => {
    const { markdown } = readHtml(
      '<script>bad1()</script><style>bad2{}</style><noscript>bad3</noscript><iframe srcdoc="bad4"></iframe><svg><title>bad5</title></svg><template>bad6</template><img alt="bad7" src="a.png"><p>good',
      url,
    );
    expect(markdown).toBe('good');
  });

  it.each([
    ['<!doctype html><title>T &amp; t</title><p>hello', 'T & t', 'hello'],
    ['<html><head><title>A</title></head><p>outside</p></html>', 'A', 'outside'],
    ['<p>a<table><tr><td>b', null, 'a\n\nb'],
    ['only text', null, 'only text'],
    ['', null, ''],
    ['<body><frameset></body>', null, ''],
    ['<b><p>a</b>b</p>', null, 'ab'],
  ])('tags left out, %j → title %j, text %j', (html, title, markdown) => {
    expect(readHtml(html, url)).toMatchObject({ title, markdown });
  });

  it('many line breaks: no matter', () => {
    expect(readHtml(`<i></i>${'<br>'.repeat(50_000)}end`, url).markdown).toBe('end');
  });

  it('nesting: 500 deep is read, 600 deep refused', () => {
    expect(readHtml(`${'<div>'.repeat(500)}deep`, url).markdown).toBe('deep');
    expect(() => readHtml(`${'<div>'.repeat(600)}deep`, url)).toThrow(PageLimitError);
  });
});

import { describe, expect, it } from 'vitest';

import { PageLimitError, toMarkdownPage } from '../../../../activities/web/adapters/page-markdown.ts';

const url = 'https://example.com/dir/page.html';
const sentence = 'The keeper climbs the stairs, trims the wick, and writes down the weather. ';

describe('HTML to Markdown', () => {
  it('a page with a clear main text: navigation and footer are left out', () => {
    const page = toMarkdownPage(
      `<html><head><title>Keepers</title></head><body><nav><a href="/x">Shop</a></nav><article><h2>Day</h2><p>${sentence.repeat(12)}</p><p>${sentence.repeat(8)}</p></article><footer>Imprint</footer></body></html>`,
      url,
    );
    expect(page.title).toBe('Keepers');
    expect(page.text).toContain('The keeper climbs');
    expect(page.text).not.toContain('Shop');
    expect(page.text).not.toContain('Imprint');
  });

  it('main text that is under a third of the page: the whole body is kept', () => {
    const rows = Array.from(
      { length: 80 },
      (_, index) => `<div><span>Station ${index}</span> <span>height ${index * 3} metres</span></div>`,
    ).join('');
    const page = toMarkdownPage(
      `<html><body><article><p>${sentence.repeat(8)}</p></article><section class="sidebar">${rows}</section></body></html>`,
      url,
    );
    expect(page.text).toContain('Station 0 height 0 metres');
    expect(page.text).toContain('Station 79 height 237 metres');
  });

  it('links: absolute, by the base element where there is one; no script links', () => {
    expect(toMarkdownPage('<p><a href="../a?b#c">a</a>', url).text).toBe('[a](https://example.com/a?b#c)');
    expect(
      toMarkdownPage('<html><head><base href="/base/"></head><body><a href="a">a</a></body></html>', url).text,
    ).toBe('[a](https://example.com/base/a)');
    expect(
      toMarkdownPage('<html><head><base href="javascript:x"></head><body><a href="a">a</a></body></html>', url).text,
    ).toBe('[a](https://example.com/dir/a)');
    expect(toMarkdownPage('<p><a href="javascript:alert(1)">a</a> <a href="data:text/html,x">b</a>', url).text).toBe(
      'a b',
    );
  });

  it('tables, code, lists, images with a description: kept', () => {
    const text = toMarkdownPage(
      '<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><pre><code>x = 1\ny = 2</code></pre><ul><li>one</li></ul><img src="i.png" alt="a map"><img src="pixel.gif">',
      url,
    ).text;
    expect(text).toContain('| 1   | 2   |');
    expect(text).toContain('```\nx = 1\ny = 2\n```');
    expect(text).toMatch(/^- +one$/m);
    expect(text).toContain('![a map](https://example.com/dir/i.png)');
    expect(text).not.toContain('pixel');
  });

  it('scripts, styles, frames and drawings: left out', () => {
    const text = toMarkdownPage(
      '<script>bad1()</script><style>bad2{}</style><noscript>bad3</noscript><iframe srcdoc="bad4"></iframe><svg><title>bad5</title></svg><template>bad6</template><p>good',
      url,
    ).text;
    expect(text).toBe('good');
  });

  it.each([
    ['<!doctype html><title>T &amp; t</title><p>hello', { title: 'T & t', text: 'hello' }],
    ['<html><head><title>A</title></head><p>outside</p></html>', { title: 'A', text: 'outside' }],
    [`<i></i>${'<br>'.repeat(150_000)}end`, { title: null, text: 'end' }],
    ['only text', { title: null, text: 'only text' }],
    ['', { title: null, text: '' }],
    ['<body><frameset></body>', { title: null, text: '' }],
  ])('tags left out, %.40j → %j', (html, expected) => {
    expect(toMarkdownPage(html, url)).toEqual(expected);
  });

  it('nesting: 500 deep is read, 600 deep refused', () => {
    expect(toMarkdownPage(`${'<div>'.repeat(500)}deep`, url).text).toBe('deep');
    expect(() => toMarkdownPage(`${'<div>'.repeat(600)}deep`, url)).toThrow(PageLimitError);
  });
});

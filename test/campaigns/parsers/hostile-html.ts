import { type HostileFamily, many, toDocument } from './hostile-document.ts';

const nestedNames = (
  'div span b i a p table ul ol li dl blockquote section article form fieldset button label font center details figure ruby ' +
  'svg math template noscript object select option textarea pre h1 custom-part'
).split(' ');

/** Structures that make tree builders, main-text finders and converters slow, deep or large. */
const shapes: Readonly<Record<string, (size: number) => string>> = {
  attributes: (size) => `<a ${Array.from({ length: size }, (_, index) => `a${index}=1`).join(' ')}>x`,
  'long attribute': (size) => `<a title="${many('x', size * 10)}">x</a>`,
  'attributes of many': (size) => many('<i a=1 b=2 c=3 d=4 e=5>x</i>', size),
  'line breaks': (size) => many('<br>', size),
  'open paragraphs': (size) => many('<p>x', size),
  'open angle brackets': (size) => many('<', size * 5),
  'misnested formatting': (size) => many('<a><b><i><u>', size / 50) + 'x',
  'misplaced in tables': (size) => `<table>${many('<b>x<tr><i>y', size / 4)}`,
  'table of cells': (size) => `<table>${many(`<tr>${many('<td>1', 50)}`, size / 50)}</table>`,
  'many tables': (size) => many('<table><tr><td>a<td>b</table>', size / 4),
  lists: (size) => many('<ul><li>x</ul>', size),
  headings: (size) => many('<h2>head</h2>', size),
  'content containers': (size) => many(`<div class="content"><p>${many('word ', 20)}</p></div>`, size / 10),
  links: (size) => many('<a href=/x>link text</a> ', size),
  entities: (size) => many('&amp;&lt;&#x41;&notanentity;', size),
  'bad numbers': (size) => many('&#0;&#x110000;&#xD800;&#99999999999;', size),
  comments: (size) => many('<!-- x -->', size),
  'open comment': (size) => `<!--${many('-', size)}`,
  'comment openings': (size) => many('<!--', size),
  doctypes: (size) => many('<!doctype html>', size),
  selects: (size) => many('<select><option>x', size / 8),
  textareas: (size) => many('<textarea>', size),
  plaintext: (size) => `<plaintext>${many('<div>', size)}`,
  'one word': (size) => `<p>${many('x', size * 20)}`,
  'one paragraph': (size) => `<p>${many('word, word. ', size * 4)}`,
  'white space': (size) => `<p>a${many(' \n\t', size * 5)}b`,
  title: (size) => `<title>${many('x ', size * 5)}</title><p>x`,
  backticks: (size) => `<pre>${many('`', size * 2)}`,
  'class names': (size) => `<div class="${many('related-comments-sidebar ', size)}"><p>hello</p></div>`,
  'long id': (size) => `<div id="${many('aB', size * 2)}"><p>hello</p></div>`,
  spans: (size) => `<p>${many('<span>a</span>', size)}`,
  images: (size) => many('<img src=a.png alt="x">', size),
  frames: (size) => many('<iframe srcdoc="<p>x">', size),
  'wide table': (size) => `<table><tr>${many('<td>1', size)}</table>`,
  'spanning cells': (size) => `<table>${many('<tr><td colspan=1000000 rowspan=1000000>1', size / 20)}</table>`,
  bidi: (size) => `<p>${many('\u202e\u2066\u200b\u{e0041}a', size)}`,
  combining: (size) => `<p>a${many('\u0301', size * 5)}`,
  emoji: (size) => `<p>${many('👨‍👩‍👧‍👦', size)}`,
  quotes: (size) => many('<blockquote><p>x</p></blockquote>', size),
  'empty inline': (size) => many('<b></b>', size),
  meta: (size) => many('<meta name=a content=b>', size),
  styles: (size) => `<style>${many('a{b:c}', size)}</style><p style="${many('display:none;', size / 4)}">x`,
};

const script = (json: string) => `<script type="application/ld+json">${json}</script><p>hello there`;

/** Structured data that is no help. */
function toStructuredData(size: number): Readonly<Record<string, string>> {
  return {
    'deep structured data': script(many('[', size) + many(']', size)),
    'broken structured data': script('{"articleBody": "x'),
    'long structured data': script(JSON.stringify({ articleBody: many('<b>word</b> ', size) })),
    'polluting structured data': script(
      '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}',
    ),
    'many pieces of structured data': many(
      '<script type="application/ld+json">{"articleBody":"x"}</script>',
      size / 10,
    ),
  };
}

const html = (name: string, content: string | Uint8Array, type = 'text/html') =>
  toDocument(`html: ${name}`, content, type);

export const hostileHtml: HostileFamily = (random, bait) => {
  const size = () => random.between(8, 40) * 1000;
  return [
    ...nestedNames.flatMap((name) => [
      html(`deep ${name}`, many(`<${name}>`, random.between(2, 20) * 1000) + 'x'),
      html(`just deep enough ${name}`, `${many(`<${name}>`, 480)}x${many(`</${name}>`, 480)}`),
    ]),
    ...Object.entries(shapes).map(([name, make]) => html(name, make(size()))),
    ...Object.entries(toStructuredData(size())).map(([name, content]) => html(name, content)),
    html(
      'remote parts',
      `<base href="${bait.url}"><link rel=stylesheet href="${bait.url}/css"><script src="${bait.url}/js"></script><img src="${bait.url}/img"><iframe src="${bait.url}/frame"></iframe><object data="${bait.url}/object"></object><meta http-equiv=refresh content="0;url=${bait.url}/refresh"><p>x`,
    ),
    html('external entities', `<!DOCTYPE html [<!ENTITY x SYSTEM "file://${bait.file}">]><p>&x;`),
    html(
      'include of a file',
      `<p>x</p><link rel=import href="file://${bait.file}"><iframe src="file://${bait.file}"></iframe><embed src="file://${bait.file}">`,
    ),
  ];
};

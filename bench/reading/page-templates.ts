import { createRandom, type Random } from '../../test/support/random.ts';

/** A page with what sites put around a text, and the text itself. */
export interface TemplatePage {
  readonly html: string;
  /** What a reader would call the text of the page. */
  readonly gold: string;
}

interface Article {
  readonly title: string;
  readonly text: string;
}

const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const filler = [
  'Twelve small towns that are worth the detour this autumn, and how to get there',
  'Why the ferry timetable changes twice a year, and who decides about it',
  'Our readers write: letters of the week about harbours, bridges and bread',
  'The quiet return of the night train, explained with three simple charts',
  'Ask the archivist: what happened to the old signal tower on the hill?',
];
const comments = [
  'I grew up there and remember it quite differently, but thank you for writing about it at last.',
  'Nobody reads these comments anyway, so I may as well say that the second photo is upside down.',
  'Could the author tell us where the numbers in the third paragraph come from? I doubt them very much.',
];

type Part = (random: Random) => string;

const navigation: Part = () =>
  `<header class="site-header"><div class="logo">The Daily Harbour</div><nav><ul>${['News', 'World', 'Culture', 'Weather', 'Letters'].map((name) => `<li><a href="/${name}">${name}</a></li>`).join('')}</ul></nav></header>`;
const share: Part = () =>
  '<div class="share-tools"><span>Share this article</span><a href="#">Facebook</a><a href="#">Twitter</a><a href="#">E-mail</a></div>';
const byline: Part = () =>
  '<div class="byline">By <a href="/staff">Ada Linden</a>, harbour correspondent</div><time>12 May 2019, 07:30</time>';
const related: Part = (random) =>
  `<section class="related-posts"><h3>More from The Daily Harbour</h3><ul>${filler.map((title) => `<li><a href="/${random.between(1, 999)}">${title}</a><p>${random.pick(comments)}</p></li>`).join('')}</ul></section>`;
const talk: Part = (random) =>
  `<div id="comments"><h3>3 comments</h3>${comments.map((text) => `<div class="comment"><b>Reader ${random.between(1, 99)}</b><p>${text} ${random.pick(comments)}</p></div>`).join('')}</div>`;
const newsletter: Part = () =>
  '<div class="newsletter-signup"><p>Sign up for our newsletter and get the tide tables in your inbox every morning.</p><form><input name="mail"><button>Subscribe</button></form></div>';
const sidebar: Part = (random) =>
  `<aside class="sidebar"><h4>Most read</h4><ol>${filler.map((title) => `<li><a href="/${random.between(1, 999)}">${title}</a></li>`).join('')}</ol></aside>`;
const footer: Part = () =>
  '<footer><p>Copyright The Daily Harbour. All rights reserved. No part of this page may be copied without a written permission of the editors.</p></footer>';
const cookies: Part = () =>
  '<div id="cookie-consent" role="dialog"><p>We use cookies to make this site work and to count our readers. You may accept all of them or none.</p><button>Accept</button></div>';
const bio: Part = () =>
  '<div class="author-bio"><p>Ada Linden has written about harbours for this paper since 2004 and lives in a small house by the quay.</p></div>';

/** How sites mark up the same text. */
const layouts: readonly ((paragraphs: readonly string[], title: string) => string)[] = [
  (paragraphs, title) =>
    `<article class="post"><h1>${title}</h1><div class="entry-content">${paragraphs.map((text) => `<p>${text}</p>`).join('')}</div></article>`,
  (paragraphs, title) =>
    `<div id="main"><h2>${title}</h2><div class="story">${paragraphs.join('<br><br>')}</div></div>`,
  (paragraphs, title) =>
    `<table width="100%"><tr><td><h1>${title}</h1>${paragraphs.map((text) => `<p>${text}</p>`).join('')}</td></tr></table>`,
  (paragraphs, title) =>
    `<main><h1>${title}</h1>${paragraphs.map((text) => `<div class="css-1ab2c3"><div class="text-block">${text}</div></div>`).join('')}</main>`,
];

/** Puts a text into a page of some layout, with some of what sites put around; the same seed gives the same page. */
export function toTemplatePage(article: Article, seed: number): TemplatePage {
  const random = createRandom(seed);
  const paragraphs = toParagraphs(article.text);
  const some = (part: Part) => (random.chance(0.7) ? part(random) : '');
  const body = random.pick(layouts)(paragraphs.map(escape), escape(article.title));
  const inside = [some(byline), some(share), body, some(newsletter), some(bio), some(related)].join('');
  const html = `<!doctype html><html><head><meta charset="utf-8"><title>${escape(article.title)} | The Daily Harbour</title><style>p{margin:1em}</style><script>window.page={}</script></head><body>${some(cookies)}${navigation(random)}<div class="page">${inside}</div>${some(sidebar)}${some(talk)}${footer(random)}</body></html>`;
  return { html, gold: paragraphs.join('\n') };
}

/** Texts without paragraphs of their own are divided after every third sentence. */
function toParagraphs(text: string): string[] {
  if (text.includes('\n\n')) return text.split(/\n{2,}/);
  const sentences = text.split(/(?<=[.!?])\s+/);
  const paragraphs: string[] = [];
  for (let index = 0; index < sentences.length; index += 3)
    paragraphs.push(sentences.slice(index, index + 3).join(' '));
  return paragraphs;
}

import type { PageElement } from './page-dom.ts';

/** Elements whose text is not the page's own. */
const foreignElements = new Set([
  'nav',
  'footer',
  'form',
  'button',
  'select',
  'textarea',
  'menu',
  'search',
  'fieldset',
]);
const foreignRoles = new Set(
  'navigation banner contentinfo complementary dialog alertdialog alert search menu menubar toolbar tooltip'.split(' '),
);

/** Words of class names and ids that name what stands around an article. Each is a whole part of a name: `post-comments`, `relatedPosts`. */
const foreignWords = new Set(
  (
    'comment comments commentlist disqus respond reply replies discussion ' +
    'related recirc recirculation recommend recommended recommendation recommendations trending popular mostread mostpopular morefrom ' +
    'readmore readnext seealso outbrain taboola zergnet ' +
    'share sharing shares sharebar sharetools social socials addthis addtoany sharedaddy shariff jssocials ' +
    'newsletter newsletters subscribe subscription signup optin mailchimp ' +
    'promo promos promotion promobox advert advertisement advertising ads adsbygoogle sponsor sponsored sponsors adunit adslot ' +
    'sidebar sidebars widget widgets breadcrumb breadcrumbs crumbs pager pagination paging nav navbar navigation menu menus submenu ' +
    'cookie cookies gdpr consent modal popup overlay lightbox toolbar masthead footer copyright legal disclaimer ' +
    'byline bylines dateline author authors authorbox authorbio bio metadata postmeta entrymeta tags taglist tagcloud categories ' +
    'rating ratings poll login register printonly noprint skip skiplink ' +
    'caption captions wpcaption credit credits photocredit thumbnail carousel teaser teasers'
  ).split(' '),
);

/** Pairs of neighbouring parts that mean something else than each alone. */
const foreignPairs = new Set(
  (
    'read-more read-next see-also more-from also-read most-read most-popular top-stories latest-news sign-up opt-in post-meta entry-meta ' +
    'article-meta meta-data tag-list tags-links tag-cloud author-box author-bio author-info about-author article-footer entry-footer post-footer ' +
    'post-nav article-nav next-prev prev-next post-navigation link-list inline-related jump-link tool-bar side-bar wp-caption image-caption ' +
    'photo-caption article-tools story-tools post-tools share-this follow-us follow-me app-download'
  ).split(' '),
);

/** Names whose words would mislead: a body that is `has-sidebar`, a container that `with-ads`. */
const misleading =
  /^(?:has|with|no|without|is|show|hide|js|can|enable|disable)[-_]|[-_](?:enabled|disabled|container|wrapper|layout)$/i;

/** The parts of class names and ids, lower case: `relatedPosts-box` is `related`, `posts`, `box`. */
function toWords(name: string): string[] {
  return name
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
}

/** Is this the comments of readers, or an element that never holds text of the page's own? Also of the largest part of a page. */
export function isForeignByKind(element: PageElement): boolean {
  if (foreignElements.has(element.localName)) return element.localName !== 'form';
  return namesOf(element).some((name) => /^(?:comments?|disqus_thread|respond|comment-?list)$/i.test(name));
}

/** Does this element, by its tag, role or names, hold something else than the page's own text? */
export function isForeign(element: PageElement): boolean {
  if (element.localName === 'form' || element.localName === 'figcaption' || element.localName === 'aside') return true;
  if (foreignRoles.has(element.getAttribute('role') ?? '')) return true;
  if (element.localName === 'body' || element.localName === 'html') return false;
  return namesOf(element).some((name) => isForeignName(name));
}

function namesOf(element: PageElement): string[] {
  return [element.id, ...element.className.split(/\s+/)].filter((name) => name !== '' && name.length < 100);
}

function isForeignName(name: string): boolean {
  if (misleading.test(name)) return false;
  const words = toWords(name);
  return words.some((word, index) => foreignWords.has(word) || foreignPairs.has(`${word}-${words[index + 1] ?? ''}`));
}

/** Is the element kept from being seen? */
export function isHidden(element: PageElement): boolean {
  if (element.hasAttribute('hidden') || element.getAttribute('aria-hidden') === 'true') return true;
  return /(?:display\s*:\s*none|visibility\s*:\s*hidden)/i.test(element.getAttribute('style') ?? '');
}

/** Calls to do something else than read, as they stand alone between or after the paragraphs of an article. */
const calls = [
  /^(?:please )?(?:follow|like|join|find|connect with|contact|e-?mail) (?:us|me|him|her|them|@?[\p{L} ,.'-]{3,60}) (?:on|at|via) (?:twitter|facebook|instagram|linkedin|google|youtube|tiktok|x\b)/iu,
  /^(?:sign ?up|subscribe|register|log ?in|enter your? e-?mail|get .{3,60} (?:inbox|newsletter|alerts))\b/iu,
  /^(?:read more|read also|also read|see also|see more|more on|more from|related|recommended|you might also like|you may also like|don['’]t miss)\b.{0,5}:/iu,
  /^(?:read (?:or|and) share|share this|share on|tweet this|print this|click here|tap here|download our app|view comments|show comments|leave a comment|post a comment)\b/iu,
  /^(?:advertisement|sponsored|promoted|loading|image|photo|video ad feedback|story highlights|article continues below|continue reading|scroll down|hide caption|enlarge)\b.{0,30}$/iu,
  /^a version of this (?:article|story|review) (?:appears|appeared|was)\b/iu,
  /^(?:©|copyright|\(c\)) ?(?:\d{4}|by|reuters|ap|afp|getty)/iu,
  /^all rights reserved\b/iu,
  /^this (?:material|article|story) (?:may not be|was originally|originally|first appeared|first published)\b/iu,
  /^(?:photo|image|picture|foto|photograph|graphic)s?(?: credit| courtesy)?(?: by)? ?[:/]/iu,
];
const maxCallChars = 220;

/** Is the text a call to follow, subscribe or share, a credit or a notice, not a sentence of the article? */
export function isCall(text: string): boolean {
  return text.length <= maxCallChars && calls.some((pattern) => pattern.test(text));
}

import { z } from 'zod';

import { toPageDocument } from './html-document.ts';
import { type PageDocument, toVisibleText } from './page-dom.ts';

const maxScripts = 20;
const maxScriptChars = 2_000_000;
const maxDepth = 6;

/** What of a piece of structured data is looked at. *Source:* schema.org/Article, in JSON-LD. */
const nodeSchema = z.looseObject({ articleBody: z.string().optional(), headline: z.string().optional() });

/** The longest article text that a page gives in its structured data, as paragraphs; null when there is none worth the name. */
export function readStructuredBody(document: PageDocument): readonly string[] | null {
  let longest = '';
  const scripts = [...document.querySelectorAll('script[type="application/ld+json"]')].slice(0, maxScripts);
  for (const script of scripts) {
    for (const body of findBodies(parseJson(script.textContent ?? ''), 0))
      if (body.length > longest.length) longest = body;
  }
  const paragraphs = toParagraphs(longest);
  return paragraphs.join(' ').length < 400 ? null : paragraphs;
}

function parseJson(text: string): unknown {
  if (text.length > maxScriptChars) return null;
  try {
    // oxlint-disable-next-line no-control-regex -- some write line ends into the texts, which JSON forbids
    return JSON.parse(text.replaceAll(/[\u0000-\u001f]+/g, ' '));
  } catch {
    return null;
  }
}

function findBodies(value: unknown, depth: number): string[] {
  if (depth > maxDepth || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.slice(0, 100).flatMap((item) => findBodies(item, depth + 1));
  const node = nodeSchema.safeParse(value);
  const own = node.success && node.data.articleBody !== undefined ? [node.data.articleBody] : [];
  return [...own, ...Object.values(value).flatMap((item) => findBodies(item, depth + 1))];
}

/** Some write HTML into it, some escape that once more. */
function toParagraphs(body: string): string[] {
  const html = body.replaceAll(/\r?\n/g, '<br>').replaceAll(/<(?:br|\/p|\/div|\/li|\/h\d)\b[^>]*>/gi, '$&\u0001');
  const document = toPageDocument(`<html><body>${html}</body></html>`);
  return (document.body.textContent ?? '')
    .split('\u0001')
    .map((text) => toVisibleText({ textContent: text }))
    .filter((text) => text !== '');
}

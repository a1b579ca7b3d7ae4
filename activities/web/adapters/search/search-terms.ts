import type { SearchRequest } from '../../ports.ts';

/** Which results are asked for: `page` counts from 1. */
export interface ResultWindow {
  readonly num: number;
  readonly page: number;
}

/** What is asked for, within what a provider gives at once. */
export function toWindow(request: SearchRequest, maxNum: number): ResultWindow {
  return { num: Math.min(Math.max(1, request.num ?? 10), maxNum), page: Math.max(1, request.page ?? 1) };
}

/** The time filter of Google (`qdr:w`) as hour, day, week, month or year; undefined for any other. */
export function toRecency(tbs: string | undefined): 'hour' | 'day' | 'week' | 'month' | 'year' | undefined {
  const letter = /(?:^|,)qdr:([hdwmy])/.exec(tbs ?? '')?.[1];
  if (letter === undefined) return undefined;
  const names = { h: 'hour', d: 'day', w: 'week', m: 'month', y: 'year' } as const;
  return Object.entries(names).find(([key]) => key === letter)?.[1];
}

/** The parameters of a search as every provider tells them: one shape, whoever searched. */
export function toParameters(request: SearchRequest, window: ResultWindow, engine: string): Record<string, unknown> {
  const { q, gl, hl, location, tbs } = request;
  return {
    q,
    gl: gl ?? 'us',
    hl: hl ?? 'en',
    ...(location === undefined ? {} : { location }),
    ...(tbs === undefined ? {} : { tbs }),
    num: window.num,
    page: window.page,
    type: 'search',
    engine,
  };
}

/** A snippet as plain text: some providers mark the words that were found. */
export function toSnippetText(html: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&amp;': '&',
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#x27;': "'",
    '&#39;': "'",
  };
  return html
    .replaceAll(/<\/?[a-z][^>]{0,200}>/gi, '')
    .replaceAll(/&(?:amp|lt|gt|quot|#x27|#39);/g, (entity) => entities[entity] ?? entity)
    .replaceAll(/\s+/g, ' ')
    .trim();
}

import { z } from 'zod';

import type { SearchProvider } from './provider-search.ts';
import { toParameters, toRecency, toSnippetText, toWindow } from './search-terms.ts';

const answerSchema = z.looseObject({
  web: z
    .looseObject({
      results: z.array(
        z.looseObject({
          title: z.string(),
          url: z.string(),
          description: z.string().optional(),
          page_age: z.string().nullish(),
        }),
      ),
    })
    .nullish(),
  type: z.literal('search').optional(),
});

const refusalSchema = z.looseObject({ error: z.looseObject({ code: z.string() }) });

const maxNum = 20;
/** *Source:* `offset` is a page number from 0 to 9. */
const maxOffset = 9;
const freshness = { hour: 'pd', day: 'pd', week: 'pw', month: 'pm', year: 'py' } as const;
/** Languages that Brave names otherwise than Google. */
const languages: Readonly<Record<string, string>> = {
  ja: 'jp',
  'zh-cn': 'zh-hans',
  zh: 'zh-hans',
  'zh-tw': 'zh-hant',
  pt: 'pt-pt',
  no: 'nb',
};

/**
 * Brave's own index.
 *
 * *Source:* `GET /res/v1/web/search` of api.search.brave.com: key in `X-Subscription-Token`; a wrong key is a 422, an empty month a 429
 * whose second remaining count is 0.
 */
export const brave: SearchProvider = {
  name: 'brave',
  baseUrl: 'https://api.search.brave.com',
  toCall: (request, apiKey) => {
    const window = toWindow(request, maxNum);
    const recency = toRecency(request.tbs);
    const language = (request.hl ?? 'en').toLowerCase();
    return {
      path: '/res/v1/web/search',
      query: {
        q: request.q,
        count: window.num,
        offset: Math.min(window.page - 1, maxOffset),
        country: (request.gl ?? 'us').toUpperCase(),
        search_lang: languages[language] ?? language,
        ...(recency === undefined ? {} : { freshness: freshness[recency] }),
        ...(request.autocorrect === false ? { spellcheck: 0 } : {}),
      },
      headers: { 'x-subscription-token': apiKey },
    };
  },
  toAnswer: (json, request) => {
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return null;
    const hits = (answer.data.web?.results ?? []).map(({ title, url, description, page_age: date }) => ({
      title: toSnippetText(title),
      link: url,
      ...(description === undefined ? {} : { snippet: toSnippetText(description) }),
      ...(typeof date === 'string' ? { date } : {}),
    }));
    return { hits, searchParameters: toParameters(request, toWindow(request, maxNum), 'brave') };
  },
  toRefusal: ({ status, headers, json }) => {
    const refusal = refusalSchema.safeParse(json);
    const code = refusal.success ? refusal.data.error.code : '';
    if (/TOKEN|SUBSCRIPTION_NOT|UNAUTHOR/i.test(code)) return 'auth';
    if (/QUOTA|USAGE_LIMIT/i.test(code)) return 'quota';
    const [, ofMonth] = (headers.get('x-ratelimit-remaining') ?? '').split(',').map((part) => part.trim());
    return status === 429 && ofMonth === '0' ? 'quota' : null;
  },
};

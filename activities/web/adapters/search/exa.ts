import { z } from 'zod';

import type { SearchProvider } from './provider-search.ts';
import { toParameters, toWindow } from './search-terms.ts';

const answerSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      title: z.string().nullish(),
      url: z.string(),
      publishedDate: z.string().nullish(),
      highlights: z.array(z.string()).nullish(),
      text: z.string().nullish(),
    }),
  ),
});

const refusalSchema = z.looseObject({ tag: z.string().optional(), error: z.string().optional() });

const maxNum = 25;
const maxResults = 100;
const snippetChars = 400;

/**
 * Exa's search. It has no pages: a later page is asked for as more results, of which the last are shown.
 *
 * *Source:* `POST /search` of api.exa.ai with the key in `x-api-key`; an empty account is a 402, or tagged so.
 */
export const exa: SearchProvider = {
  name: 'exa',
  baseUrl: 'https://api.exa.ai',
  toCall: (request, apiKey) => {
    const { num, page } = toWindow(request, maxNum);
    return {
      path: '/search',
      headers: { 'x-api-key': apiKey },
      body: {
        query: request.q,
        numResults: Math.min(maxResults, num * page),
        type: 'auto',
        userLocation: (request.gl ?? 'us').toUpperCase(),
        contents: { highlights: { numSentences: 3, highlightsPerUrl: 1 } },
      },
    };
  },
  toAnswer: (json, request) => {
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return null;
    const window = toWindow(request, maxNum);
    const first = (window.page - 1) * window.num;
    const hits = answer.data.results.slice(first, first + window.num).map((result) => {
      const snippet = result.highlights?.join(' … ') ?? result.text?.slice(0, snippetChars);
      return {
        title: result.title ?? result.url,
        link: result.url,
        ...(snippet === undefined ? {} : { snippet }),
        ...(typeof result.publishedDate === 'string' ? { date: result.publishedDate } : {}),
      };
    });
    return { hits, searchParameters: toParameters(request, window, 'exa') };
  },
  toRefusal: ({ json }) => {
    const refusal = refusalSchema.safeParse(json);
    const said = refusal.success ? `${refusal.data.tag ?? ''} ${refusal.data.error ?? ''}` : '';
    if (/NO_MORE_CREDITS|BUDGET_EXCEEDED|credits? (?:exhausted|limit)/i.test(said)) return 'quota';
    return /INVALID_API_KEY/i.test(said) ? 'auth' : null;
  },
};

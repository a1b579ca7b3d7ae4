import { z } from 'zod';

import type { SearchProvider } from './provider-search.ts';
import { toParameters, toRecency, toWindow } from './search-terms.ts';

const answerSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      title: z.string().nullish(),
      url: z.string(),
      content: z.string().nullish(),
      published_date: z.string().nullish(),
    }),
  ),
});

const maxNum = 20;

/**
 * Tavily's search. It has no pages: a later page is asked for as more results, of which the last are shown.
 *
 * *Source:* `POST /search` of api.tavily.com with a bearer key; 432 and 433 say that a plan or its pay-as-you-go limit is used up.
 */
export const tavily: SearchProvider = {
  name: 'tavily',
  baseUrl: 'https://api.tavily.com',
  toCall: (request, apiKey) => {
    const { num, page } = toWindow(request, maxNum);
    const recency = toRecency(request.tbs);
    return {
      path: '/search',
      headers: { authorization: `Bearer ${apiKey}` },
      body: {
        query: request.q,
        max_results: Math.min(maxNum, num * page),
        search_depth: 'basic',
        ...(recency === undefined ? {} : { time_range: recency === 'hour' ? 'day' : recency }),
      },
    };
  },
  toAnswer: (json, request) => {
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return null;
    const window = toWindow(request, maxNum);
    const first = (window.page - 1) * window.num;
    const hits = answer.data.results.slice(first, first + window.num).map((result) => ({
      title: result.title ?? result.url,
      link: result.url,
      ...(typeof result.content === 'string' ? { snippet: result.content } : {}),
      ...(typeof result.published_date === 'string' ? { date: result.published_date } : {}),
    }));
    return { hits, searchParameters: toParameters(request, window, 'tavily') };
  },
  toRefusal: ({ status }) => (status === 432 || status === 433 ? 'quota' : null),
};

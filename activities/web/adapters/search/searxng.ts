import { z } from 'zod';

import { AppError } from '../../../../domain/errors.ts';
import type { SearchProvider } from './provider-search.ts';
import { toParameters, toRecency, toWindow } from './search-terms.ts';

const answerSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      title: z.string().nullish(),
      url: z.string(),
      content: z.string().nullish(),
      publishedDate: z.string().nullish(),
    }),
  ),
  unresponsive_engines: z.array(z.unknown()).default([]),
});

const maxNum = 100;

/**
 * A SearXNG instance of one's own; it needs no key, and the JSON format switched on.
 *
 * *Source:* `GET /search?format=json` of its search API. Nothing found while its engines do not answer is no empty result.
 */
export const searxng: SearchProvider = {
  name: 'searxng',
  baseUrl: 'http://127.0.0.1:8080',
  toCall: (request, apiKey) => {
    const recency = toRecency(request.tbs);
    return {
      path: '/search',
      query: {
        q: request.q,
        format: 'json',
        pageno: toWindow(request, maxNum).page,
        language: request.hl ?? 'en',
        ...(recency === undefined ? {} : { time_range: recency === 'hour' ? 'day' : recency }),
      },
      headers: apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` },
    };
  },
  toAnswer: (json, request) => {
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return null;
    const { results, unresponsive_engines: silent } = answer.data;
    if (results.length === 0 && silent.length > 0) {
      throw new AppError('Tool.Unavailable', {
        what: `search provider searxng: ${silent.length} of its engines did not answer, and the others found nothing`,
        mend: 'Try again later.',
      });
    }
    const window = toWindow(request, maxNum);
    const hits = results.slice(0, window.num).map((result) => ({
      title: result.title ?? result.url,
      link: result.url,
      ...(typeof result.content === 'string' ? { snippet: result.content } : {}),
      ...(typeof result.publishedDate === 'string' ? { date: result.publishedDate } : {}),
    }));
    return { hits, searchParameters: toParameters(request, window, 'searxng') };
  },
  toRefusal: () => null,
};

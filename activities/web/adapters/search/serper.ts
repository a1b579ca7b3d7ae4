import { z } from 'zod';

import type { SearchProvider } from './provider-search.ts';

const hitSchema = z.looseObject({
  title: z.string(),
  link: z.string(),
  snippet: z.string().optional(),
  position: z.number().optional(),
});

const answerSchema = z.looseObject({
  organic: z.array(hitSchema).default([]),
  searchParameters: z.record(z.string(), z.unknown()).default({}),
});

const refusalSchema = z.looseObject({ message: z.string() });

/**
 * Google's results through Serper.
 *
 * *Source:* `POST /search` of google.serper.dev; of its answer only `organic` and `searchParameters` are passed on. An empty account is a
 * 400 that says so.
 */
export const serper: SearchProvider = {
  name: 'serper',
  baseUrl: 'https://google.serper.dev',
  toCall: (request, apiKey) => ({
    path: '/search',
    headers: { 'x-api-key': apiKey },
    body: { ...request, gl: request.gl ?? 'us', hl: request.hl ?? 'en', num: request.num ?? 10 },
  }),
  toAnswer: (json) => {
    const answer = answerSchema.safeParse(json);
    if (!answer.success) return null;
    const { organic, searchParameters } = answer.data;
    return { hits: organic.map(toHit), searchParameters };
  },
  toRefusal: ({ json }) => {
    const refusal = refusalSchema.safeParse(json);
    return refusal.success && /credit|quota|balance/i.test(refusal.data.message) ? 'quota' : null;
  },
};

function toHit(hit: z.infer<typeof hitSchema>) {
  const { snippet, position, ...rest } = hit;
  return { ...rest, ...(snippet === undefined ? {} : { snippet }), ...(position === undefined ? {} : { position }) };
}

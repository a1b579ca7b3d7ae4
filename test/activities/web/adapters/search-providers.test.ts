import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';

import { createProviderSearch } from '../../../../activities/web/adapters/search/provider-search.ts';
import { searchProviders } from '../../../../activities/web/adapters/search/providers.ts';
import { createSearchFailover } from '../../../../activities/web/adapters/search/search-failover.ts';
import type { SearchPort, SearchRequest } from '../../../../activities/web/ports.ts';
import { AppError } from '../../../../domain/errors.ts';
import { aCall, failureOf, type LocalServer, startServer } from '../local-server.ts';

type Name = keyof typeof searchProviders;
const apiKey = 'planted-search-key-0123456789';

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function answer(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(typeof body === 'string' ? body : JSON.stringify(body));
}

function aSearch(name: Name, server: LocalServer, timeoutMs?: number): SearchPort {
  return createProviderSearch(searchProviders[name], {
    apiKey,
    baseUrl: server.origin,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/** What each provider documents: an answer with two hits, and how a search is asked for. */
const spoken: Readonly<
  Record<
    Name,
    { readonly documented: unknown; readonly empty: unknown; readonly asked: Readonly<Record<string, unknown>> }
  >
> = {
  serper: {
    documented: {
      searchParameters: { q: 'tall towers', gl: 'de', hl: 'de', num: 2, page: 2, type: 'search', engine: 'google' },
      organic: [
        { title: 'Tower', link: 'https://a.example/', snippet: 'A tall one.', date: 'May 6, 2024', position: 1 },
        { title: 'No address', link: 'javascript:alert(1)' },
        { title: 'Other', link: 'https://b.example/x', position: 2 },
      ],
    },
    empty: { searchParameters: {}, organic: [] },
    asked: {
      url: '/search',
      headers: { 'x-api-key': apiKey },
      body: { q: 'tall towers', gl: 'de', hl: 'de', num: 2, page: 2, tbs: 'qdr:w' },
    },
  },
  brave: {
    documented: {
      type: 'search',
      query: { original: 'tall towers', more_results_available: true },
      web: {
        type: 'search',
        results: [
          {
            type: 'search_result',
            title: 'Tower',
            url: 'https://a.example/',
            description: 'A <strong>tall</strong> one &amp; more.',
            page_age: '2024-05-06T00:00:00',
          },
          { title: 'No address', url: 'javascript:alert(1)' },
          { title: 'Other', url: 'https://b.example/x' },
        ],
      },
    },
    empty: { type: 'search', query: { original: 'x' } },
    asked: {
      url: '/res/v1/web/search?q=tall+towers&count=2&offset=1&country=DE&search_lang=de&freshness=pw',
      headers: { 'x-subscription-token': apiKey },
    },
  },
  tavily: {
    documented: {
      query: 'tall towers',
      response_time: 1.2,
      request_id: '1',
      results: [
        { title: 'First', url: 'https://1.example/', content: '', score: 0.9 },
        { title: 'Second', url: 'https://2.example/', content: '', score: 0.8 },
        {
          title: 'Tower',
          url: 'https://a.example/',
          content: 'A tall one.',
          score: 0.7,
          published_date: 'Mon, 06 May 2024',
        },
        { title: 'Other', url: 'https://b.example/x', content: null, score: 0.6 },
      ],
    },
    empty: { query: 'x', results: [] },
    asked: {
      url: '/search',
      headers: { authorization: `Bearer ${apiKey}` },
      body: { query: 'tall towers', max_results: 4, search_depth: 'basic', time_range: 'week' },
    },
  },
  exa: {
    documented: {
      requestId: '1',
      resolvedSearchType: 'neural',
      results: [
        { id: '1', title: 'First', url: 'https://1.example/' },
        { id: '2', title: 'Second', url: 'https://2.example/' },
        {
          id: '3',
          title: 'Tower',
          url: 'https://a.example/',
          publishedDate: '2024-05-06',
          highlights: ['A tall one.'],
        },
        { id: '4', title: null, url: 'https://b.example/x' },
      ],
      costDollars: { total: 0.005 },
    },
    empty: { requestId: '1', results: [] },
    asked: {
      url: '/search',
      headers: { 'x-api-key': apiKey },
      body: {
        query: 'tall towers',
        numResults: 4,
        type: 'auto',
        userLocation: 'DE',
        contents: { highlights: { numSentences: 3, highlightsPerUrl: 1 } },
      },
    },
  },
  searxng: {
    documented: {
      query: 'tall towers',
      number_of_results: 0,
      results: [
        {
          title: 'Tower',
          url: 'https://a.example/',
          content: 'A tall one.',
          engine: 'x',
          publishedDate: '2024-05-06T00:00:00',
        },
        { title: 'Other', url: 'https://b.example/x', content: '' },
        { title: 'Third', url: 'https://c.example/' },
      ],
      answers: [],
      unresponsive_engines: [['y', 'timeout']],
    },
    empty: { query: 'x', results: [], unresponsive_engines: [] },
    asked: {
      url: '/search?q=tall+towers&format=json&pageno=2&language=de&time_range=week',
      headers: { authorization: `Bearer ${apiKey}` },
    },
  },
};

const request: SearchRequest = { q: 'tall towers', gl: 'de', hl: 'de', num: 2, page: 2, tbs: 'qdr:w' };
const isName = (name: string): name is Name => Object.hasOwn(searchProviders, name);
const names = Object.keys(searchProviders).filter(isName);

describe.each(names)('%s', (name) => {
  const { documented, empty, asked } = spoken[name];

  it('a search: one request as documented; hits and parameters in the one shape', async () => {
    await using server = await startServer((_request, response) => answer(response, { status: 200, body: documented }));
    const { organic, searchParameters } = await aSearch(name, server).search(request, aCall());
    expect(organic.map(({ link }) => link)).toEqual(['https://a.example/', 'https://b.example/x']);
    expect(organic[0]).toMatchObject({ title: 'Tower', snippet: expect.stringMatching(/^A tall one/), position: 1 });
    expect(organic[0]?.date).toContain('2024');
    expect(organic[1]?.title).toMatch(/Other|b\.example/);
    expect(searchParameters).toMatchObject({ q: 'tall towers', gl: 'de', hl: 'de', num: 2, page: 2, type: 'search' });
    expect(server.requests).toHaveLength(1);
    const { body, ...rest } = asked;
    expect(server.requests[0]).toMatchObject({
      ...rest,
      headers: { ...Object(rest['headers']), 'idempotency-key': 'step-key-1' },
    });
    const sent = server.requests[0]?.body ?? '';
    expect(sent === '' ? undefined : JSON.parse(sent)).toEqual(body);
  });

  it('nothing found: an empty list, not a failure', async () => {
    await using server = await startServer((_request, response) => answer(response, { status: 200, body: empty }));
    expect((await aSearch(name, server).search({ q: 'x' }, aCall())).organic).toEqual([]);
  });

  it.each([
    [401, {}, 'Tool.Auth'],
    [403, {}, 'Tool.Auth'],
    [402, {}, 'Tool.QuotaExhausted'],
    [429, {}, 'Tool.RateLimited'],
    [400, {}, 'Tool.Refused'],
    [500, 'oops', 'Tool.Unavailable'],
    [200, 'no JSON', 'Tool.Failed'],
    [200, { results: 'x', web: 'x', organic: 'x' }, 'Tool.Failed'],
    [302, '', 'Tool.Unavailable'],
  ])('status %i with %j → %s, without the key', async (status, body, type) => {
    await using server = await startServer((_request, response) =>
      answer(response, { status, body, headers: { 'retry-after': '7', location: 'http://127.0.0.1:1/' } }),
    );
    const failure = await failureOf(aSearch(name, server).search(request, aCall()));
    expect(failure).toMatchObject({ type, ...(status === 429 ? { facts: { retryAfterMs: 7000 } } : {}) });
    expect(`${failure.message}${JSON.stringify(failure)}${String(failure.cause)}`).not.toContain(apiKey);
    expect(server.requests).toHaveLength(1);
  });

  it('no answer in time → Tool.Unavailable; cancelled → the reason', async () => {
    await using server = await startServer(() => {});
    expect(await failureOf(aSearch(name, server, 50).search(request, aCall()))).toMatchObject({
      type: 'Tool.Unavailable',
    });
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    const searching = aSearch(name, server).search(request, aCall(controller.signal));
    controller.abort(reason);
    expect(await failureOf(searching)).toBe(reason);
  });
});

describe('what a provider says in its own way', () => {
  it.each<readonly [Name, number, unknown, Record<string, string>, string]>([
    ['serper', 400, { message: 'Not enough credits', statusCode: 400 }, {}, 'Tool.QuotaExhausted'],
    [
      'brave',
      422,
      { type: 'ErrorResponse', error: { code: 'SUBSCRIPTION_TOKEN_INVALID', status: 422 } },
      {},
      'Tool.Auth',
    ],
    ['brave', 422, { type: 'ErrorResponse', error: { code: 'VALIDATION', status: 422 } }, {}, 'Tool.Refused'],
    ['brave', 429, { error: { code: 'RATE_LIMITED' } }, { 'x-ratelimit-remaining': '0, 1000' }, 'Tool.RateLimited'],
    ['brave', 429, { error: { code: 'RATE_LIMITED' } }, { 'x-ratelimit-remaining': '1, 0' }, 'Tool.QuotaExhausted'],
    ['brave', 429, { error: { code: 'QUOTA_LIMITED' } }, {}, 'Tool.QuotaExhausted'],
    ['tavily', 432, { detail: { error: 'plan limit' } }, {}, 'Tool.QuotaExhausted'],
    ['tavily', 433, { detail: { error: 'pay as you go limit' } }, {}, 'Tool.QuotaExhausted'],
    ['exa', 400, { error: 'no', tag: 'NO_MORE_CREDITS' }, {}, 'Tool.QuotaExhausted'],
    ['exa', 400, { error: 'no', tag: 'INVALID_API_KEY' }, {}, 'Tool.Auth'],
    ['searxng', 200, { results: [], unresponsive_engines: [['google', 'CAPTCHA']] }, {}, 'Tool.Unavailable'],
  ])('%s: status %i with %j → %5$s', async (...[name, status, body, headers, type]) => {
    await using server = await startServer((_request, response) => answer(response, { status, body, headers }));
    expect(await failureOf(aSearch(name, server).search(request, aCall()))).toMatchObject({ type });
  });
});

const found = { organic: [{ title: 'a', link: 'https://a.example/' }], searchParameters: { engine: 'second' } };

function failingSearch(failure: Error): SearchPort {
  return {
    search: async () => {
      throw failure;
    },
  };
}

describe('failover', () => {
  const second = { name: 'second', port: { search: () => Promise.resolve(found) } };

  it.each(['Tool.Auth', 'Tool.QuotaExhausted', 'Tool.RateLimited', 'Tool.Unavailable', 'Tool.Failed'] as const)(
    '%s of the first: the second is asked, and the result says who was passed over and why',
    async (type) => {
      const first = { name: 'first', port: failingSearch(new AppError(type, { what: 'x' })) };
      expect(await createSearchFailover([first, second]).search({ q: 'x' }, aCall())).toEqual({
        ...found,
        searchParameters: { engine: 'second', passedOver: [{ provider: 'first', reason: type }] },
      });
    },
  );

  it.each([new AppError('Tool.Refused', { what: 'x' }), new TypeError('a bug')])(
    '%s of the first: thrown',
    async (failure) => {
      const first = { name: 'first', port: failingSearch(failure) };
      expect(await failureOf(createSearchFailover([first, second]).search({ q: 'x' }, aCall()))).toBe(failure);
    },
  );

  it('all fail: the last failure', async () => {
    const last = new AppError('Tool.Unavailable', { what: 'y' });
    const all = [
      { name: 'a', port: failingSearch(new AppError('Tool.Auth', { what: 'x' })) },
      { name: 'b', port: failingSearch(last) },
    ];
    expect(await failureOf(createSearchFailover(all).search({ q: 'x' }, aCall()))).toBe(last);
  });

  it('the first has a result: it is untouched', async () => {
    expect(await createSearchFailover([second]).search({ q: 'x' }, aCall())).toBe(found);
  });
});

import type { ServerResponse } from 'node:http';

import { describe, expect, it } from 'vitest';

import { toRetryAfterMs } from '../../../../activities/web/adapters/retry-after.ts';
import { createProviderSearch } from '../../../../activities/web/adapters/search/provider-search.ts';
import { serper } from '../../../../activities/web/adapters/search/serper.ts';
import { aCall, failureOf, startServer } from '../local-server.ts';

const apiKey = 'planted-serper-key-0123456789';

const documented = {
  searchParameters: { q: 'apple inc', gl: 'us', hl: 'en', num: 10, type: 'search', engine: 'google' },
  knowledgeGraph: { title: 'Apple', type: 'Technology company' },
  organic: [
    {
      title: 'Apple',
      link: 'https://www.apple.com/',
      snippet: 'Discover the innovative world of Apple.',
      sitelinks: [{ title: 'Mac', link: 'https://www.apple.com/mac/' }],
      position: 1,
    },
    { title: 'Apple Inc. - Wikipedia', link: 'https://en.wikipedia.org/wiki/Apple_Inc.', position: 2 },
  ],
  peopleAlsoAsk: [{ question: 'What is Apple?' }],
  relatedSearches: [{ query: 'apple store' }],
};

function answer(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(typeof body === 'string' ? body : JSON.stringify(body));
}

describe('serper', () => {
  it('a query: one POST with the key, the defaults and what was given; organic results and parameters come back, nothing else', async () => {
    await using server = await startServer((_request, response) => answer(response, 200, documented));
    const port = createProviderSearch(serper, { apiKey, baseUrl: `${server.origin}/` });
    const result = await port.search(
      { q: 'apple inc', tbs: 'qdr:w', page: 2, autocorrect: false, location: undefined },
      aCall(),
    );
    expect(result).toEqual({ organic: documented.organic, searchParameters: documented.searchParameters });
    expect(server.requests.length).toBe(1);
    expect(server.requests[0]).toMatchObject({
      url: '/search',
      headers: { 'x-api-key': apiKey, 'content-type': 'application/json', 'idempotency-key': 'step-key-1' },
    });
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      q: 'apple inc',
      gl: 'us',
      hl: 'en',
      num: 10,
      tbs: 'qdr:w',
      page: 2,
      autocorrect: false,
    });
  });

  it('no results: an empty list, not a failure', async () => {
    await using server = await startServer((_request, response) =>
      answer(response, 200, { searchParameters: { q: 'x' } }),
    );
    expect(await createProviderSearch(serper, { apiKey, baseUrl: server.origin }).search({ q: 'x' }, aCall())).toEqual({
      organic: [],
      searchParameters: { q: 'x' },
    });
  });

  it('hits that lead to no web page: left out', async () => {
    const organic = ['file:///etc/passwd', 'javascript:x', 'https://ok.example/', 'http://'].map((link) => ({
      title: 't',
      link,
    }));
    await using server = await startServer((_request, response) => answer(response, 200, { organic }));
    const result = await createProviderSearch(serper, { apiKey, baseUrl: server.origin }).search({ q: 'x' }, aCall());
    expect(result.organic.map(({ link }) => link)).toEqual(['https://ok.example/']);
  });

  it.each([
    [429, { message: 'Rate limit exceeded' }, 'Tool.RateLimited'],
    [400, { message: 'Not enough credits', statusCode: 400 }, 'Tool.QuotaExhausted'],
    [401, { message: 'Unauthorized.' }, 'Tool.Auth'],
    [403, { message: 'Unauthorized.', statusCode: 403 }, 'Tool.Auth'],
    [400, { message: 'Missing query parameter' }, 'Tool.Refused'],
    [404, 'no such page', 'Tool.Refused'],
    [500, '<html>oops</html>', 'Tool.Unavailable'],
    [503, '', 'Tool.Unavailable'],
    [200, '<html>welcome</html>', 'Tool.Failed'],
    [200, '{"organic":[{"title":1}]}', 'Tool.Failed'],
    [200, '[]', 'Tool.Failed'],
    [200, '', 'Tool.Failed'],
  ])('status %i with %j → %s, without the key or the provider’s text', async (status, body, type) => {
    await using server = await startServer((_request, response) => answer(response, status, body));
    const error = await failureOf(
      createProviderSearch(serper, { apiKey, baseUrl: server.origin }).search({ q: 'x' }, aCall()),
    );
    expect(error).toMatchObject({ type });
    expect(JSON.stringify([error.message, error.stack, error])).not.toMatch(/planted|Unauthorized|oops|welcome/);
  });

  it('Retry-After: seconds or a date become milliseconds', async () => {
    await using server = await startServer((_request, response) =>
      response.writeHead(429, { 'retry-after': '7' }).end('{}'),
    );
    const error = await failureOf(
      createProviderSearch(serper, { apiKey, baseUrl: server.origin }).search({ q: 'x' }, aCall()),
    );
    expect(error).toMatchObject({ type: 'Tool.RateLimited', facts: { retryAfterMs: 7000 } });
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(toRetryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
    expect(toRetryAfterMs('Thu, 01 Jan 2025 00:00:30 GMT', now)).toBe(0);
    expect(toRetryAfterMs('0', now)).toBe(0);
    expect(toRetryAfterMs('999999999', now)).toBe(86_400_000);
    for (const none of ['', 'soon', null, undefined]) expect(toRetryAfterMs(none, now)).toBeUndefined();
  });

  it('nobody listens, a reset, no answer in time → Tool.Unavailable', async () => {
    const gone = await startServer(() => {});
    await gone[Symbol.asyncDispose]();
    expect(
      await failureOf(createProviderSearch(serper, { apiKey, baseUrl: gone.origin }).search({ q: 'x' }, aCall())),
    ).toMatchObject({ type: 'Tool.Unavailable' });
    await using resetting = await startServer((request) => request.socket.destroy());
    expect(
      await failureOf(createProviderSearch(serper, { apiKey, baseUrl: resetting.origin }).search({ q: 'x' }, aCall())),
    ).toMatchObject({ type: 'Tool.Unavailable' });
    await using silent = await startServer(() => {});
    expect(
      await failureOf(
        createProviderSearch(serper, { apiKey, baseUrl: silent.origin, timeoutMs: 100 }).search({ q: 'x' }, aCall()),
      ),
    ).toMatchObject({ type: 'Tool.Unavailable' });
  });

  it('a redirect: not followed, so that the key goes nowhere else', async () => {
    await using elsewhere = await startServer((_request, response) => answer(response, 200, documented));
    await using server = await startServer((_request, response) =>
      response.writeHead(307, { location: elsewhere.origin }).end(),
    );
    await failureOf(createProviderSearch(serper, { apiKey, baseUrl: server.origin }).search({ q: 'x' }, aCall()));
    expect(elsewhere.requests).toEqual([]);
  });

  it('a key that no header can hold: refused without being shown', async () => {
    const error = await failureOf(
      createProviderSearch(serper, { apiKey: `${apiKey}\n`.repeat(2), baseUrl: 'http://127.0.0.1:9' }).search(
        { q: 'x' },
        aCall(),
      ),
    );
    expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain('planted');
  });

  it('cancelled: rejects with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    await using server = await startServer(() => controller.abort(reason));
    expect(
      await failureOf(
        createProviderSearch(serper, { apiKey, baseUrl: server.origin }).search({ q: 'x' }, aCall(controller.signal)),
      ),
    ).toBe(reason);
  });
});

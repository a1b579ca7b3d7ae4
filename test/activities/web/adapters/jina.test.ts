import { describe, expect, it } from 'vitest';

import { createAddressGuard } from '../../../../activities/web/adapters/address-guard.ts';
import { createJinaReader } from '../../../../activities/web/adapters/jina.ts';
import { createPageFallback } from '../../../../activities/web/adapters/page-fallback.ts';
import type { PagePort } from '../../../../activities/web/ports.ts';
import { AppError } from '../../../../domain/errors.ts';
import { aCall, failureOf, type LocalServer, startServer } from '../local-server.ts';

const guard = createAddressGuard({
  allow: ['127.0.0.1:8711'],
  lookup: (name) => Promise.resolve([{ address: name === 'inside.example' ? '10.0.0.1' : '93.184.215.14' }]),
});

function aReader(server: LocalServer, timeoutMs?: number): PagePort {
  return createJinaReader({
    guard,
    apiKey: 'key-1',
    baseUrl: server.origin,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

const answer = {
  code: 200,
  data: { title: ' Lighthouses ', url: 'https://news.example.org/b', content: 'A lighthouse warns ships.' },
};

describe('Jina reader', () => {
  it('a page: its text and title, where it ended, who read it; no bytes', async () => {
    await using server = await startServer((_request, response) => response.end(JSON.stringify(answer)));
    const page = await aReader(server).read(
      { url: 'https://news.example.org/a?b=c#d', headers: { cookie: 'x' } },
      aCall(),
    );
    expect(page).toMatchObject({
      via: 'jina',
      raw: null,
      status: null,
      title: 'Lighthouses',
      text: 'A lighthouse warns ships.',
      finalUrl: 'https://news.example.org/b',
    });
    expect(server.requests[0]).toMatchObject({
      url: '/https://news.example.org/a?b=c',
      headers: { authorization: 'Bearer key-1', accept: 'application/json' },
    });
    expect(server.requests[0]?.headers).not.toHaveProperty('cookie');
  });

  it.each([
    'http://127.0.0.1/',
    'http://127.0.0.1:8711/',
    'http://inside.example/',
    'file:///etc/passwd',
    'http://localhost/',
  ])('%s → Tool.Blocked, and the service is not told', async (url) => {
    await using server = await startServer((_request, response) => response.end(JSON.stringify(answer)));
    expect(await failureOf(aReader(server).read({ url }, aCall()))).toMatchObject({ type: 'Tool.Blocked' });
    expect(server.requests).toEqual([]);
  });

  it.each([
    [200, 'no JSON', 'Tool.Failed'],
    [200, '{"data": null}', 'Tool.Failed'],
    [401, '', 'Tool.QuotaExhausted'],
    [402, '{"name": "InsufficientBalanceError"}', 'Tool.QuotaExhausted'],
    [403, '{"name": "InsufficientBalanceError"}', 'Tool.QuotaExhausted'],
    [422, '{"message": "cannot"}', 'Tool.Failed'],
    [429, '', 'Tool.RateLimited'],
    [503, '', 'Tool.Unavailable'],
  ])('status %i with %j → %s, without the key', async (status, body, type) => {
    await using server = await startServer((_request, response) =>
      response.writeHead(status, { 'retry-after': '2' }).end(body),
    );
    const failure = await failureOf(aReader(server).read({ url: 'https://news.example.org/' }, aCall()));
    expect(failure).toMatchObject({ type });
    expect(failure.message).not.toContain('key-1');
  });

  it('no answer in time → Tool.Unavailable; cancelled → the reason', async () => {
    await using server = await startServer(() => {});
    expect(await failureOf(aReader(server, 50).read({ url: 'https://news.example.org/' }, aCall()))).toMatchObject({
      type: 'Tool.Unavailable',
    });
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    const reading = aReader(server).read({ url: 'https://news.example.org/' }, aCall(controller.signal));
    controller.abort(reason);
    expect(await failureOf(reading)).toBe(reason);
  });
});

const failingWith = (failure: Error): PagePort => ({
  read: async () => {
    throw failure;
  },
});

/** Fails, and counts how often it was asked. */
function aSecond(): PagePort & { asked: number } {
  const port = {
    asked: 0,
    read: async () => {
      port.asked += 1;
      throw new AppError('Tool.Failed', { what: 'second' });
    },
  };
  return port;
}

describe('page fallback', () => {
  it.each(['Tool.Failed', 'Tool.Unavailable', 'Tool.QuotaExhausted', 'Tool.RateLimited'] as const)(
    '%s of the first: the second is asked',
    async (type) => {
      const other = aSecond();
      const failure = await failureOf(
        createPageFallback(failingWith(new AppError(type, { what: 'first' })), other).read({ url: 'x' }, aCall()),
      );
      expect(other.asked).toBe(1);
      expect(failure.message).toContain('second');
    },
  );

  it.each([new AppError('Tool.Blocked', { what: 'first' }), new TypeError('a bug')])(
    '%s of the first: thrown, nobody else asked',
    async (error) => {
      const other = aSecond();
      expect(await failureOf(createPageFallback(failingWith(error), other).read({ url: 'x' }, aCall()))).toBe(error);
      expect(other.asked).toBe(0);
    },
  );
});

import { OpenAI } from 'openai';
import { describe, expect, it } from 'vitest';
import { createOpenAiChat, type StreamLimits } from '../../../activities/model/adapters/openai.ts';
import { readRetryAfterMs } from '../../../activities/model/adapters/openai-errors.ts';
import { createScriptedMind } from '../../../infra/dev/model-server/scripted.ts';
import { startModelServer } from '../../../infra/dev/model-server/server.ts';
import { findFreePort } from '../../../infra/dev/ports.ts';
import { AppError } from '../../../domain/errors.ts';
import { mirothinkerV1 } from '../../../domain/profile.ts';
import { failureOf, startServer } from '../web/local-server.ts';

type Scenario = Parameters<typeof createScriptedMind>[0];

function chatAt(baseURL: string, limits?: StreamLimits) {
  const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
  return createOpenAiChat({ client, ...(limits === undefined ? {} : { limits }) });
}

const request = {
  model: mirothinkerV1('a-model').model,
  messages: [
    { role: 'system' as const, content: 'Rules.' },
    { role: 'user' as const, content: 'How tall?' },
  ],
  stepKey: 'key-1',
  sessionId: 'session-1',
  begin: () => {},
};
const signal = new AbortController().signal;
const aChunk = { id: '1', object: 'chat.completion.chunk', created: 1, model: 'm' };

/** What one scenario does to one call. */
async function withScenario<T>(
  scenario: Scenario,
  body: (chat: ReturnType<typeof chatAt>, server: Awaited<ReturnType<typeof startModelServer>>) => Promise<T>,
  limits?: StreamLimits,
): Promise<T> {
  const server = await startModelServer({ mode: createScriptedMind(scenario), logBodies: true });
  try {
    return await body(chatAt(server.url, limits), server);
  } finally {
    await server.close();
  }
}

describe('a model call over HTTP', () => {
  it('a streamed reply: whole, with usage and cached tokens, under the step’s key', async () => {
    const reply = {
      text: 'Hohe Türme 😀 sind hoch.',
      chunk: { chars: 3 },
      usage: { promptTokens: 100, completionTokens: 9, cachedTokens: 64 },
    };
    await withScenario({ replies: [reply] }, async (chat, server) => {
      expect(await chat.complete(request, signal)).toEqual({
        text: reply.text,
        reasoning: null,
        finish: 'stop',
        usage: { inputTokens: 100, outputTokens: 9, cachedTokens: 64 },
        model: 'longhaul-scripted',
      });
      expect(server.requests()).toMatchObject([{ stepKey: 'key-1', session: 'session-1', model: 'a-model' }]);
      expect(server.requests()[0]?.body).toMatchObject({
        stream: true,
        max_tokens: 16_384,
        temperature: 1,
        top_p: 0.95,
        repetition_penalty: 1.05,
      });
    });
  });

  it('not allowed to begin: nothing is sent, and what forbade it is thrown', async () => {
    const fenced = new AppError('Ledger.Fenced', { what: 'frozen' });
    const begin = () => {
      throw fenced;
    };
    await withScenario({ replies: [{ text: 'x' }] }, async (chat, server) => {
      await expect(chat.complete({ ...request, begin }, signal)).rejects.toBe(fenced);
      expect(server.requests()).toEqual([]);
    });
  });

  it('cut by the token limit: told as such', async () => {
    const reply = await withScenario({ replies: [{ text: 'It is', finish: 'length' }] }, (chat) =>
      chat.complete(request, signal),
    );
    expect(reply).toMatchObject({ finish: 'length', text: 'It is' });
  });

  it('ended by a filter: a failure, not a reply', async () => {
    const scenario: Scenario = { replies: [{ text: 'It is', finish: 'content_filter' }] };
    expect(await withScenario(scenario, (chat) => failureOf(chat.complete(request, signal)))).toMatchObject({
      type: 'Model.Failed',
    });
  });

  it('cut at every byte before the finish reason has arrived: Model.StreamCut or away, never a reply', async () => {
    const reply = { text: 'Türme 😀', chunk: { chars: 2 } };
    const whole = await withScenario({ replies: [reply] }, async (_chat, server) => {
      const body = { model: 'm', stream: true, stream_options: { include_usage: true }, messages: request.messages };
      const response = await fetch(`${server.url}/chat/completions`, { method: 'POST', body: JSON.stringify(body) });
      return Buffer.from(await response.arrayBuffer());
    });
    const finished = whole.indexOf('"finish_reason":"stop"');
    expect(finished).toBeGreaterThan(500);
    const types = new Map<string, number>();
    let replies = 0;
    for (let afterBytes = 0; afterBytes < whole.length; afterBytes += 1) {
      const scenario: Scenario = { replies: [{ ...reply, cut: { afterBytes } }] };
      // One server a cut, since faults are counted for a conversation.
      const ended = await withScenario(scenario, (chat) =>
        chat.complete(request, signal).then(
          () => null,
          (error: { type: string }) => error.type,
        ),
      );
      if (ended === null) replies += 1;
      else types.set(ended, (types.get(ended) ?? 0) + 1);
    }
    expect(replies).toBe(0);
    expect([...types.keys()].filter((type) => type !== 'Model.StreamCut' && type !== 'Model.Unavailable')).toEqual([]);
    expect(types.get('Model.StreamCut')).toBeGreaterThan(finished / 2);
  });

  it('a stream that ends in good order without a finish reason: Model.StreamCut', async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(
        'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"It is"},"finish_reason":null}]}\n\n',
      );
    });
    expect(await failureOf(chatAt(`${server.origin}/v1`).complete(request, signal))).toMatchObject({
      type: 'Model.StreamCut',
    });
  });

  it.each([
    [429, 'Model.RateLimited'],
    [500, 'Model.Failed'],
    [502, 'Model.Unavailable'],
    [503, 'Model.Unavailable'],
    [401, 'Model.Auth'],
    [403, 'Model.Auth'],
    [400, 'Model.Refused'],
    [404, 'Model.Refused'],
    [408, 'Model.Timeout'],
  ])('status %i: %s, once, without a second request', async (status, type) => {
    await withScenario({ replies: [{ text: 'x', fail: { status, times: 9 } }] }, async (chat, server) => {
      const failure = await failureOf(chat.complete(request, signal));
      expect(failure).toMatchObject({ type, message: expect.stringContaining(String(status)) });
      expect(server.requests()).toHaveLength(1);
    });
  });

  it('a prompt longer than the window: Model.ContextOverflow', async () => {
    const body = JSON.stringify({
      error: { message: "This model's maximum context length is 100 tokens.", type: 'BadRequestError', code: 400 },
    });
    const failure = await withScenario({ replies: [{ fail: { status: 400, body } }] }, (chat) =>
      failureOf(chat.complete(request, signal)),
    );
    expect(failure).toMatchObject({ type: 'Model.ContextOverflow' });
  });

  it('429 with Retry-After: the wait is passed on', async () => {
    const scenario: Scenario = { replies: [{ fail: { status: 429, headers: { 'retry-after': '7' } } }] };
    expect(await withScenario(scenario, (chat) => failureOf(chat.complete(request, signal)))).toMatchObject({
      facts: { retryAfterMs: 7_000 },
    });
  });

  it('nobody listens: Model.Unavailable', async () => {
    const port = await findFreePort();
    expect(await failureOf(chatAt(`http://127.0.0.1:${port}/v1`).complete(request, signal))).toMatchObject({
      type: 'Model.Unavailable',
    });
  });

  it('no first byte: Model.Timeout', async () => {
    const scenario: Scenario = { replies: [{ text: 'x', hang: { times: 1 } }] };
    const limits = { firstTokenMs: 60, idleMs: 60_000 };
    expect(await withScenario(scenario, (chat) => failureOf(chat.complete(request, signal)), limits)).toMatchObject({
      type: 'Model.Timeout',
    });
  });

  it('silence in the middle of a stream: Model.Timeout', async () => {
    await using server = await startServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        `data: ${JSON.stringify({ ...aChunk, choices: [{ index: 0, delta: { content: 'It' }, finish_reason: null }] })}\n\n`,
      );
    });
    const chat = chatAt(`${server.origin}/v1`, { firstTokenMs: 60_000, idleMs: 60 });
    expect(await failureOf(chat.complete(request, signal))).toMatchObject({ type: 'Model.Timeout' });
  });

  it('cancelled while it waits: ended at once, with no failure of the model', async () => {
    const controller = new AbortController();
    await withScenario({ replies: [{ text: 'x', hang: { times: 1 } }] }, async (chat, server) => {
      const ended = failureOf(chat.complete(request, controller.signal));
      while (server.requests().length === 0) await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      expect((await ended).type).toBeUndefined();
    });
  });
});

describe('the wait that a server asks for', () => {
  const nowMs = Date.parse('2026-03-01T12:00:00Z');
  it.each([
    ['seconds', { 'retry-after': '30' }, 30_000],
    ['part of a second', { 'retry-after': '0.5' }, 500],
    ['a date', { 'retry-after': 'Sun, 01 Mar 2026 12:01:00 GMT' }, 60_000],
    ['a date that has passed', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 0],
    ['milliseconds before seconds', { 'retry-after-ms': '250', 'retry-after': '30' }, 250],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['nothing', {}, undefined],
  ])('%s → milliseconds', (_, headers, waitMs) => {
    expect(readRetryAfterMs(new Headers(headers), nowMs)).toBe(waitMs);
  });
});

import type { RequestListener } from 'node:http';

import { OpenAI } from 'openai';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { createExtractiveReader } from '../../../../activities/web/adapters/reader-extractive.ts';
import { createModelReader } from '../../../../activities/web/adapters/reader-model.ts';
import { readerPromptOpening } from '../../../../activities/web/reader-prompt.ts';
import { AppError } from '../../../../domain/errors.ts';
import type { ReaderPort } from '../../../../activities/web/ports.ts';
import { aCall, failureOf, type LocalServer, startServer } from '../local-server.ts';

function toModelError(error: unknown): AppError {
  const isOverflow = error instanceof Error && error.message.includes('maximum context length');
  return new AppError(isOverflow ? 'Model.ContextOverflow' : 'Model.Unavailable', { what: 'mapped by the test' });
}

function aReader(server: LocalServer, options: { model?: string; maxPromptChars?: number } = {}): ReaderPort {
  const client = new OpenAI({ baseURL: `${server.origin}/v1`, apiKey: 'x', maxRetries: 0 });
  return createModelReader({ client, model: 'reader-1', toModelError, ...options });
}

function saying(content: string | null, rest: object = {}): RequestListener {
  return (_request, response) => {
    const body = {
      id: 'c',
      object: 'chat.completion',
      created: 0,
      model: 'reader-1-served',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      ...rest,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
}

const sentSchema = z.looseObject({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

function sent(server: LocalServer, index = 0): z.infer<typeof sentSchema> {
  return sentSchema.parse(JSON.parse(server.requests[index]?.body ?? '{}'));
}

const request = { text: 'The page.', wanted: 'The height of the tower', maxTokens: 8192 };

describe('model reader', () => {
  it('a page: one user message with what is wanted and the page; text, model and usage come back', async () => {
    const usage = {
      prompt_tokens: 100,
      completion_tokens: 20,
      total_tokens: 120,
      prompt_tokens_details: { cached_tokens: 64 },
    };
    await using server = await startServer(saying(' 35 metres \n', { usage }));
    const extraction = await aReader(server).extract(request, aCall());
    expect(extraction).toEqual({
      text: '35 metres',
      model: 'reader-1-served',
      usage: { inputTokens: 100, outputTokens: 20, cachedTokens: 64 },
    });
    const body = sent(server);
    expect(body).toMatchObject({ model: 'reader-1', max_tokens: 8192, temperature: 1 });
    expect(body).not.toHaveProperty('stream');
    expect(body.messages.map(({ role }) => role)).toEqual(['user']);
    const lines = body.messages[0]?.content.split('\n') ?? [];
    expect(lines[0]).toBe('This is a page extraction request.');
    expect(lines[0]).toBe(readerPromptOpening);
    expect(lines.indexOf('### Wanted')).toBeLessThan(lines.indexOf('The height of the tower'));
    expect(lines.indexOf('The height of the tower')).toBeLessThan(lines.indexOf('### Page'));
    expect(lines.indexOf('### Page')).toBeLessThan(lines.indexOf('The page.'));
    expect(server.requests[0]?.headers).toMatchObject({ 'idempotency-key': 'step-key-1' });
  });

  it.each([
    ['<think>let me see\n</think>\n\nfound', 'found'],
    ['\n<think></think>found', 'found'],
    ['reasoning without its opening tag</think>found', 'found'],
    ['found, and <think> is a tag', 'found, and <think> is a tag'],
    ['the text says <think>x</think> here', 'the text says <think>x</think> here'],
  ])('answer %j → %j', async (content, text) => {
    await using server = await startServer(saying(content));
    expect((await aReader(server).extract(request, aCall())).text).toBe(text);
  });

  it.each([[''], ['  '], [null], ['<think>cut in the middle'], ['<think>only this</think>']])(
    'answer %j → Model.Failed',
    async (content) => {
      await using server = await startServer(saying(content));
      expect(await failureOf(aReader(server).extract(request, aCall()))).toMatchObject({ type: 'Model.Failed' });
    },
  );

  it('a server without usage or choices: no usage; Model.Failed', async () => {
    await using without = await startServer(saying('found'));
    expect((await aReader(without).extract(request, aCall())).usage).toEqual({
      inputTokens: 0,
      outputTokens: 0,
      cachedTokens: 0,
    });
    await using empty = await startServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}'),
    );
    expect(await failureOf(aReader(empty).extract(request, aCall()))).toMatchObject({ type: 'Model.Failed' });
  });

  it('a model that is called gpt: asked with max_completion_tokens', async () => {
    await using server = await startServer(saying('found'));
    await aReader(server, { model: 'gpt-5-nano' }).extract(request, aCall());
    expect(sent(server)).toMatchObject({ max_completion_tokens: 8192 });
    expect(sent(server)).not.toHaveProperty('max_tokens');
  });

  it('a page over the limit: cut at that many code points', async () => {
    await using server = await startServer(saying('found'));
    await aReader(server, { maxPromptChars: 10 }).extract({ ...request, text: `${'😀'.repeat(10)}cut off` }, aCall());
    expect(sent(server).messages[0]?.content).toMatch(/### Page\n\n(😀){10}\n$/u);
  });

  it('a page over the model’s window: cut from its end and asked again under another key; after four tries the overflow is told', async () => {
    let served = 0;
    await using server = await startServer((incoming, response) => {
      served += 1;
      if (served === 3) return saying('found')(incoming, response);
      response
        .writeHead(400, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: { message: 'over the maximum context length' } }));
    });
    const text = `${'a'.repeat(50_000)}${'b'.repeat(50_000)}`;
    expect((await aReader(server).extract({ ...request, text }, aCall())).text).toBe('found');
    const lengths = [0, 1, 2].map(
      (index) => (sent(server, index).messages[0]?.content.match(/[ab]{100,}/)?.[0] ?? '').length,
    );
    expect(lengths).toEqual([100_000, 59_040, 18_080]);
    expect(sent(server, 1).messages[0]?.content).toContain('[...truncated]');
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'step-key-1',
      'step-key-1-2',
      'step-key-1-3',
    ]);
    served = 3;
    expect(await failureOf(aReader(server).extract({ ...request, text }, aCall()))).toMatchObject({
      type: 'Model.ContextOverflow',
    });
    expect(server.requests.length).toBe(7);
  });

  it('another failure: mapped by the model pool’s table, asked once', async () => {
    await using server = await startServer((_request, response) => response.writeHead(503).end());
    expect(await failureOf(aReader(server).extract(request, aCall()))).toMatchObject({ type: 'Model.Unavailable' });
    expect(server.requests.length).toBe(1);
  });

  it('an answer that repeats itself: asked for again, four times in all; the last one is taken', async () => {
    const loop = 'the tower is thirty-five metres high and was built in 1852; '.repeat(12);
    await using server = await startServer((asked, response) =>
      saying(`${server.requests.length} ${loop}`)(asked, response),
    );
    const extraction = await aReader(server).extract(request, aCall());
    expect(extraction.text.startsWith('4 the tower')).toBe(true);
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      'step-key-1',
      'step-key-1-2',
      'step-key-1-3',
      'step-key-1-4',
    ]);
  });

  it('cancelled: rejects with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the test');
    await using server = await startServer(() => controller.abort(reason));
    expect(await failureOf(aReader(server).extract(request, aCall(controller.signal)))).toBe(reason);
  });
});

describe('extractive reader', () => {
  const reader = createExtractiveReader();
  const text =
    'Opening hours are long. The tower is 35 metres tall. It was built in 1888!\n\n- Keeper: Ann Lee\nShips pass. 灯台は高い。海は青い。';

  it('what is wanted: the sentences that share its words, in the page’s order', async () => {
    const extraction = await reader.extract(
      { text, wanted: 'When was the tower built, and who was its keeper?', maxTokens: 100 },
      aCall(),
    );
    expect(extraction).toEqual({
      text: 'The tower is 35 metres tall.\nIt was built in 1888!\n- Keeper: Ann Lee',
      model: 'extractive',
      usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
    });
    expect((await reader.extract({ text, wanted: '灯台', maxTokens: 100 }, aCall())).text).toBe('灯台は高い。');
  });

  it('nothing in common: the beginning of the page; nothing at all: nothing', async () => {
    expect((await reader.extract({ text, wanted: 'zebra', maxTokens: 100 }, aCall())).text).toMatch(
      /^Opening hours are long\./,
    );
    expect((await reader.extract({ text: '', wanted: 'zebra', maxTokens: 100 }, aCall())).text).toBe('');
  });

  it('a long page: at most twelve passages and maxTokens × 4 characters', async () => {
    const long = Array.from({ length: 500 }, (_, index) => `The tower number ${index} stands.`).join(' ');
    expect(
      (await reader.extract({ text: long, wanted: 'tower', maxTokens: 1000 }, aCall())).text.split('\n').length,
    ).toBe(12);
    expect((await reader.extract({ text: long, wanted: 'tower', maxTokens: 10 }, aCall())).text.length).toBe(40);
  });
});

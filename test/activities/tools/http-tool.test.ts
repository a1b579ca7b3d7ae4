import { describe, expect, it } from 'vitest';
import {
  createHttpTool,
  type HttpTool,
  httpToolSchema,
  toToolDefinition,
} from '../../../activities/tools/adapters/http-tool.ts';
import type { ToolContext } from '../../../activities/steps/tool-step.ts';
import { findFreePort } from '../../../infra/dev/ports.ts';
import { startToolServer } from '../../../infra/dev/tool-server/server.ts';
import { echoTool } from '../../support/facts.ts';
import { aToolContext } from '../../support/tool-context.ts';
import { failureOf, startServer } from '../web/local-server.ts';

const context = (signal = new AbortController().signal): ToolContext => aToolContext({ signal });

function toolAt(url: string, timeoutMs = 5_000): HttpTool {
  const { pool: _pool, ...tool } = echoTool;
  return httpToolSchema.parse({ ...tool, url, timeoutMs });
}

describe('an HTTP tool', () => {
  it('its receiver answers: the content, and it was given arguments and key', async () => {
    const server = await startToolServer({});
    expect(await createHttpTool(toolAt(`${server.url}/tools/echo`))({ a: 'ü' }, context())).toEqual({
      text: '{"a":"ü"}',
    });
    expect(server.requests()).toMatchObject([{ tool: 'echo', stepKey: 'key-1' }]);
    await server.close();
  });

  it.each([
    [400, 'Tool.Failed'],
    [404, 'Tool.Failed'],
    [429, 'Tool.RateLimited'],
    [500, 'Tool.Unavailable'],
    [503, 'Tool.Unavailable'],
  ])('its receiver answers %i: %s', async (status, type) => {
    const server = await startToolServer({});
    const failure = await failureOf(createHttpTool(toolAt(`${server.url}/tools/fail`))({ status }, context()));
    expect(failure).toMatchObject({ type });
    expect(server.requests()).toHaveLength(1);
    await server.close();
  });

  it('its receiver takes too long: Tool.Timeout, naming the limit', async () => {
    const server = await startToolServer({});
    const failure = await failureOf(createHttpTool(toolAt(`${server.url}/tools/slow`, 100))({ ms: 60_000 }, context()));
    expect(failure).toMatchObject({ type: 'Tool.Timeout', message: expect.stringContaining('0.1 s') });
    await server.close();
  });

  it('cancelled: ended at once, with no failure of the tool', async () => {
    const server = await startToolServer({});
    const controller = new AbortController();
    const ended = failureOf(
      createHttpTool(toolAt(`${server.url}/tools/slow`))({ ms: 60_000 }, context(controller.signal)),
    );
    while (server.requests().length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect((await ended).type).toBeUndefined();
    await server.close();
  });

  it('nobody listens: Tool.Unavailable', async () => {
    const port = await findFreePort();
    expect(await failureOf(createHttpTool(toolAt(`http://127.0.0.1:${port}/`))({}, context()))).toMatchObject({
      type: 'Tool.Unavailable',
    });
  });

  it.each([
    ['no JSON', 'hello'],
    ['JSON of another shape', '{"result":1}'],
    ['an error in words', '{"error":"no such book"}'],
  ])('its receiver answers 200 with %s: Tool.Failed', async (_, body) => {
    await using server = await startServer((_request, response) => response.end(body));
    expect(await failureOf(createHttpTool(toolAt(server.origin))({}, context()))).toMatchObject({
      type: 'Tool.Failed',
    });
  });

  it('its receiver sends it elsewhere: not followed', async () => {
    await using server = await startServer((request, response) => {
      response.writeHead(request.url === '/there' ? 200 : 307, { location: '/there' });
      response.end('{"content":"x"}');
    });
    expect(await failureOf(createHttpTool(toolAt(server.origin))({}, context()))).toMatchObject({
      type: 'Tool.Unavailable',
    });
    expect(server.requests).toHaveLength(1);
  });

  it('an answer without an end: stopped at the size limit', async () => {
    await using server = await startServer((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
      };
      response.on('drain', more);
      more();
    });
    expect(await failureOf(createHttpTool(toolAt(server.origin))({}, context()))).toMatchObject({
      type: 'Tool.Failed',
      message: expect.stringContaining('larger than'),
    });
  });
});

describe('an operator’s tool', () => {
  it('as a run knows it: on the tools pool, without its address', () => {
    expect(toToolDefinition(toolAt('http://127.0.0.1:1/'))).toEqual(echoTool);
  });

  it.each(['ftp://a/', 'not a url', ''])('at %j: refused', (url) => {
    expect(() => toolAt(url)).toThrow(/url/u);
  });
});

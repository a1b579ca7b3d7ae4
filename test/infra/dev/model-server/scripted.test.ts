import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI, { APIConnectionError, RateLimitError } from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AppError } from '../../../../domain/errors.ts';
import { mcpXml } from '../../../../domain/dialects/mcp-xml.ts';
import { parseScenario, type ScenarioInput } from '../../../../infra/dev/model-server/scenario.ts';
import { createScriptedMind } from '../../../../infra/dev/model-server/scripted.ts';
import { type ModelServer, startModelServer } from '../../../../infra/dev/model-server/server.ts';
import { text } from '../../../../infra/dev/model-server/w600.ts';

const open: ModelServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function start(scenario: ScenarioInput, extra: { logFile?: string; logBodies?: boolean } = {}) {
  const server = await startModelServer({ mode: createScriptedMind(scenario), ...extra });
  open.push(server);
  const client = new OpenAI({ baseURL: server.url, apiKey: 'none', maxRetries: 0, timeout: 10_000 });
  return { server, client };
}

type Messages = OpenAI.ChatCompletionMessageParam[];

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A conversation that has had `turns` replies. */
function conversation(turns: number, last = 'What is it?'): Messages {
  const messages: Messages = [{ role: 'user', content: 'What is it?' }];
  for (let turn = 0; turn < turns; turn += 1) {
    messages.push({ role: 'assistant', content: `reply ${turn}` });
    messages.push({ role: 'user', content: turn === turns - 1 ? last : `observation ${turn}` });
  }
  return messages;
}

const model = 'any';

async function say(client: OpenAI, messages: Messages, headers: Record<string, string> = {}) {
  const completion = await client.chat.completions.create({ model, messages }, { headers });
  return completion.choices[0]!;
}

describe('scripted model server', () => {
  it('reply: same position asked twice → the same reply, by the request and not by a counter', async () => {
    const { client } = await start({ replies: [{ text: 'first' }, { text: 'second' }] });
    const asked = [conversation(1), conversation(0), conversation(1)];
    const said = [];
    for (const messages of asked) said.push((await say(client, messages)).message.content);
    expect(said).toEqual(['second', 'first', 'second']);
  });

  it('when: expression matches the last message → that reply before the one by position', async () => {
    const { client } = await start({ replies: [{ text: 'by place' }, { when: 'HTTP 5\\d\\d', text: 'by match' }] });
    expect((await say(client, conversation(0))).message.content).toBe('by place');
    expect((await say(client, [{ role: 'user', content: 'got HTTP 503' }])).message.content).toBe('by match');
  });

  it('calls: mcp-xml → text that our own parser reads back', async () => {
    const call = { server: 'search_and_scrape_webpage', tool: 'google_search', arguments: { q: 'a "b" {seq}' } };
    const { client } = await start({ replies: [{ text: 'x' }, { text: 'I search.', calls: [call] }] });
    const { message } = await say(client, conversation(1));
    expect(mcpXml.parseReply(message.content ?? '').calls).toEqual([
      { ...call, arguments: { q: 'a "b" 1' }, argumentsError: null },
    ]);
  });

  it('calls: native → tool_calls with finish reason tool_calls, streamed and whole alike', async () => {
    const { client } = await start({
      dialect: 'native',
      replies: [{ calls: [{ server: 'tool-python', tool: 'run_command', arguments: { command: 'ls' } }] }],
    });
    const choice = await say(client, conversation(0));
    expect(choice.finish_reason).toBe('tool_calls');
    expect(choice.message.tool_calls?.[0]).toMatchObject({
      id: 'call_0_0',
      function: { name: 'tool-python-run_command', arguments: '{"command":"ls"}' },
    });
    const final = await client.chat.completions.stream({ model, messages: conversation(0) }).finalChatCompletion();
    expect(final.choices[0]!.message.tool_calls?.[0]).toMatchObject({ id: 'call_0_0' });
  });

  it('stream: include_usage → chunks of the asked size, the text whole, usage last with cached tokens', async () => {
    const { client } = await start({ replies: [{ text: 'abcdefghij✓', chunk: { chars: 4, intervalMs: 1 } }] });
    const stream = await client.chat.completions.create({
      model,
      messages: conversation(0),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.delta.content || [])).toEqual(['abcd', 'efgh', 'ij✓']);
    expect(chunks.at(-1)?.usage).toMatchObject({
      completion_tokens: 3,
      prompt_tokens_details: { cached_tokens: 0 },
    });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it('stream: usage not asked for → no usage in any chunk', async () => {
    const { client } = await start({ replies: [{ text: 'abc' }] });
    const stream = await client.chat.completions.create({ model, messages: conversation(0), stream: true });
    expect((await collect(stream)).every((chunk) => chunk.usage === undefined)).toBe(true);
  });

  it('usage: later turns → a cached prefix that ends where retention masked last', async () => {
    const { client } = await start({ generate: 'loop', turns: 9, tools: [{ tool: 'echo' }] });
    const long = 'word '.repeat(400);
    const messages: Messages = [0, 1, 2, 3, 4, 5].map((turn) => ({
      role: turn % 2 === 0 ? 'user' : 'assistant',
      content: long,
    }));
    const whole = await client.chat.completions.create({ model, messages });
    const masked = messages.with(2, { role: 'user', content: 'Tool result is omitted to save tokens.' });
    const after = await client.chat.completions.create({ model, messages: masked });
    const cached = (completion: typeof whole) => completion.usage?.prompt_tokens_details?.cached_tokens ?? -1;
    expect(cached(whole)).toBeGreaterThan(2_000);
    expect(cached(after)).toBeGreaterThan(900);
    expect(cached(after)).toBeLessThan(1_100);
  });

  it('usage: scenario names counts → those', async () => {
    const { client } = await start({ replies: [{ text: 'x', usage: { promptTokens: 90, cachedTokens: 64 } }] });
    const { usage } = await client.chat.completions.create({ model, messages: conversation(0) });
    expect(usage).toMatchObject({ prompt_tokens: 90, total_tokens: 91, prompt_tokens_details: { cached_tokens: 64 } });
  });

  it('fail: 429 with retry-after, twice → two errors for this conversation, then the reply; another one counts anew', async () => {
    const { client } = await start({
      replies: [{ text: 'there', fail: { status: 429, headers: { 'retry-after': '7' }, times: 2 } }],
    });
    const headers = { 'x-upstream-session-id': 'run-a' };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const error = await say(client, conversation(0), headers).catch((thrown: unknown) => thrown);
      expect(error instanceof RateLimitError && error.headers.get('retry-after')).toBe('7');
    }
    expect((await say(client, conversation(0), headers)).message.content).toBe('there');
    await expect(say(client, conversation(0), { 'x-upstream-session-id': 'run-b' })).rejects.toBeInstanceOf(
      RateLimitError,
    );
  });

  it('cut: stream ends after n bytes → the client fails, the log says cut, the repeat is whole', async () => {
    const { server, client } = await start({ replies: [{ text: 'abc'.repeat(300), cut: { afterBytes: 700 } }] });
    const stream = await client.chat.completions.create({ model, messages: conversation(0), stream: true });
    await expect(collect(stream)).rejects.toThrow(/terminated|other side closed|aborted/u);
    expect(server.requests()[0]).toMatchObject({ outcome: 'cut', status: 200 });
    expect((await say(client, conversation(0))).message.content).toHaveLength(900);
  });

  it('hang: client gives up → the log says aborted', async () => {
    const { server, client } = await start({ replies: [{ text: 'x', hang: {} }] });
    const controller = new AbortController();
    const asked = client.chat.completions.create({ model, messages: conversation(0) }, { signal: controller.signal });
    await expect.poll(() => server.requests().length).toBe(1);
    expect(server.requests()[0]).toMatchObject({ outcome: 'open', ms: null });
    controller.abort();
    await expect(asked).rejects.toThrow(/abort/iu);
    await expect.poll(() => server.requests()[0]?.outcome).toBe('aborted');
  });

  it('faults: overlay on a generated turn → once, at its position only', async () => {
    const { client } = await start({
      generate: 'loop',
      turns: 3,
      tools: [{ tool: 'echo' }],
      faults: [{ at: 1, fail: { status: 500 } }],
    });
    expect((await say(client, conversation(0))).message.content).toContain('Turn 0.');
    await expect(say(client, conversation(1))).rejects.toMatchObject({ status: 500 });
    expect((await say(client, conversation(1))).message.content).toContain('Turn 1.');
  });

  it('raw: malformed output → given as it is, and our parser calls it malformed', async () => {
    const { client } = await start({ replies: [{ raw: '<use_mcp_tool>\n<server_name>x', finish: 'length' }] });
    const choice = await say(client, conversation(0));
    expect(choice.finish_reason).toBe('length');
    expect(mcpXml.parseReply(choice.message.content ?? '')).toEqual({ calls: [], malformed: true });
  });

  it('position: beyond the list → 400 that names it', async () => {
    const { client } = await start({ replies: [{ text: 'only' }] });
    await expect(say(client, conversation(2))).rejects.toThrow(/no reply for position 2/u);
  });

  it('body: no chat request → 400 that names the field, and it is logged', async () => {
    const { server } = await start({ replies: [{ text: 'x' }] });
    const answer = await fetch(`${server.url}/chat/completions`, { method: 'POST', body: '{"model":"m"}' });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('messages');
    expect(server.requests()).toHaveLength(1);
  });

  it('models: list → the scenario’s model', async () => {
    const { client } = await start({ model: 'played', replies: [{ text: 'x' }] });
    expect((await client.models.list()).data.map((each) => each.id)).toEqual(['played']);
  });
});

describe('scripted model server: generators', () => {
  it('w600: every turn → the workload’s text, the bench call with its number, then no call, then the box', async () => {
    const { client } = await start({ generate: 'w600', turns: 2 });
    const second = (await say(client, conversation(1))).message.content ?? '';
    expect(second.startsWith(`${text(1, 1_600)}\n`)).toBe(true);
    expect(mcpXml.parseReply(second).calls).toMatchObject([{ server: 'bench', tool: 'bench', arguments: { i: 1 } }]);
    expect(mcpXml.parseReply((await say(client, conversation(2))).message.content ?? '').calls).toEqual([]);
    const final = await say(client, conversation(2, mcpXml.finalPrompt('What is it?')));
    expect(final.message.content).toContain('\\boxed{done}');
  });

  it('loop: tools in turn, several a message → {seq} and the last sandbox id filled in', async () => {
    const { client } = await start({
      generate: 'loop',
      turns: 4,
      callsPerTurn: 2,
      tools: [
        { tool: 'google_search', arguments: { q: 'lamp {seq}' } },
        { tool: 'run_python_code', arguments: { code_block: 'print({seq})', sandbox_id: '{sandbox}' } },
        { tool: 'echo' },
      ],
    });
    const last = 'Sandbox created with sandbox_id: sbx_0007';
    const reply = await say(client, conversation(3, last));
    expect(mcpXml.parseReply(reply.message.content ?? '').calls).toMatchObject([
      { tool: 'google_search', arguments: { q: 'lamp 3' } },
      { tool: 'run_python_code', arguments: { code_block: 'print(3)', sandbox_id: 'sbx_0007' } },
    ]);
  });

  it('reader: page extraction request without a scripted reader → the page’s beginning', async () => {
    const { client } = await start({ generate: 'w600' });
    const asked = 'This is a page extraction request.\n\n### Wanted\nThe year\n\n### Page\nBuilt in 1850.';
    expect((await say(client, [{ role: 'user', content: asked }])).message.content).toContain('Built in 1850.');
  });
});

describe('scripted model server: log', () => {
  it('headers and body → one entry with step key, run, size and digest, without the body', async () => {
    const { server, client } = await start({ replies: [{ text: 'x' }] });
    await say(client, conversation(0), { 'idempotency-key': 'step-1', 'x-upstream-session-id': 'run-1' });
    const log: unknown = await (await fetch(new URL('/log', server.url))).json();
    expect(log).toEqual(server.requests());
    expect(server.requests()[0]).toMatchObject({
      index: 0,
      stepKey: 'step-1',
      session: 'run-1',
      model: 'any',
      messages: 1,
      status: 200,
      outcome: 'complete',
    });
    expect(server.requests()[0]?.digest).toMatch(/^[0-9a-f]{64}$/u);
    expect(server.requests()[0]).not.toHaveProperty('body');
  });

  it('logBodies → the body is kept', async () => {
    const { server, client } = await start({ replies: [{ text: 'x' }] }, { logBodies: true });
    await say(client, conversation(0));
    expect(server.requests()[0]?.body).toMatchObject({ messages: conversation(0) });
  });

  it('client dies in the middle of a stream → received and ended are in the file, aborted', async () => {
    const logFile = join(mkdtempSync(join(tmpdir(), 'model-log-')), 'log.jsonl');
    const { server } = await start(
      { replies: [{ text: 'abcdef', chunk: { chars: 1, intervalMs: 60_000 } }] },
      { logFile },
    );
    const body = JSON.stringify({ model, messages: conversation(0), stream: true });
    const client = httpRequest(`${server.url}/chat/completions`, { method: 'POST' });
    client.on('error', () => undefined);
    client.end(body);
    await expect.poll(() => readFileSync(logFile, 'utf8')).toContain('"event":"received"');
    client.destroy();
    await expect.poll(() => readFileSync(logFile, 'utf8')).toContain('"outcome":"aborted"');
    expect(readFileSync(logFile, 'utf8').trim().split('\n')).toHaveLength(2);
  });
});

describe('scenario', () => {
  it('several bad keys → one error that names them all', () => {
    const bad = { replies: [{ txt: 'x', delayMs: -1 }, { when: '(' }], colour: 'red' };
    expect(() => parseScenario(bad, 'scenario.yaml')).toThrow(AppError);
    for (const part of ['scenario.yaml', 'replies.0', 'txt', 'delayMs', 'replies.1.when', 'colour']) {
      expect(() => parseScenario(bad, 'scenario.yaml')).toThrow(part);
    }
  });

  it('generator with a bad key → the generator’s own fields are named', () => {
    expect(() => parseScenario({ generate: 'loop', turns: 0.5 })).toThrow(/turns.*tools/u);
  });
});

describe('model server process', () => {
  it('main: prints where it listens, serves, ends on SIGTERM', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'model-main-'));
    const main = new URL('../../../../infra/dev/model-server/main.ts', import.meta.url).pathname;
    const scenario = new URL('./scenario.yaml', import.meta.url).pathname;
    const log = join(folder, 'log.jsonl');
    const child = spawn(process.execPath, [main, '--mode', 'scripted', '--scenario', scenario, '--log', log]);
    const [line] = await once(child.stdout, 'data');
    const { listening } = z.object({ listening: z.url() }).parse(JSON.parse(String(line)));
    const client = new OpenAI({ baseURL: listening, apiKey: 'none', maxRetries: 0 });
    expect((await say(client, conversation(0))).message.content).toBe('From a file.');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect(say(client, conversation(0))).rejects.toBeInstanceOf(APIConnectionError);
    expect(readFileSync(log, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('main: several bad arguments → exit 2, all named on stderr', async () => {
    const main = new URL('../../../../infra/dev/model-server/main.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [main, '--mode', 'oracle', '--port', 'x']);
    const chunks: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    expect(await once(child, 'close')).toEqual([2, null]);
    const message = Buffer.concat(chunks).toString();
    expect(message).toContain('--mode');
    expect(message).toContain('--port');
  });
});

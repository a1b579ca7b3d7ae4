import { describe, expect, it } from 'vitest';
import { checkModelServer } from '../../../activities/model/adapters/server-check.ts';
import { type LocalServer, startServer } from '../web/local-server.ts';

interface ChatBody {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly continue_final_message?: boolean;
  readonly max_tokens: number;
}

/** How a server under test behaves. */
interface Served {
  readonly window: number;
  /** Does its template keep the thoughts of past replies? */
  readonly keepsThoughts: boolean;
  /** Does it show its prompts? */
  readonly shows: boolean;
  readonly usage: boolean;
  readonly cached: number | null;
  readonly reasoningParser: boolean;
  readonly toolParser: boolean;
  readonly prefill: boolean;
  readonly metrics: boolean;
}

const wellServed: Served = {
  window: 262_144,
  keepsThoughts: true,
  shows: true,
  usage: true,
  cached: 640,
  reasoningParser: false,
  toolParser: false,
  prefill: true,
  metrics: true,
};

function render({ keepsThoughts }: Served, { messages }: ChatBody): string {
  const last = messages.findLastIndex(({ role }) => role === 'user');
  const texts = messages.map(({ role, content }, index) =>
    role === 'assistant' && !keepsThoughts && index < last ? content.replace(/<think>[^]*<\/think>\s*/u, '') : content,
  );
  return texts.join('\n');
}

function answerChat(served: Served, body: ChatBody): object {
  const { usage: counts, cached, reasoningParser, toolParser } = served;
  const asked = body.messages.at(-1)?.content ?? '';
  const isCall = asked.includes('<use_mcp_tool>');
  const content = isCall && !toolParser ? asked.slice(asked.indexOf('<use_mcp_tool>')) : '';
  const message = {
    content,
    ...(reasoningParser ? { reasoning_content: 'I repeat it.' } : {}),
    ...(isCall && toolParser ? { tool_calls: [{ id: '1' }] } : {}),
  };
  const usage = {
    prompt_tokens: render(served, body).split(/\s+/u).length,
    completion_tokens: 1,
    ...(cached === null ? {} : { prompt_tokens_details: { cached_tokens: cached } }),
  };
  return { choices: [{ message, finish_reason: 'stop' }], ...(counts ? { usage } : {}) };
}

/** Answers by path; null where the path is not known. */
function answer(
  served: Served,
  path: string,
  { body, prompts }: { body: ChatBody; prompts: string[] },
): Response | null {
  const { window, shows, metrics, prefill } = served;
  if (path === '/v1/models') return Response.json({ data: [{ id: 'm', max_model_len: window }] });
  if (path === '/version') return Response.json({ version: '0.32.0' });
  if (path === '/metrics') return metrics ? new Response('vllm:num_requests_running 0\n') : null;
  if (path === '/tokenize' && shows) {
    prompts.push(render(served, body));
    return Response.json({ tokens: [1, 2, 3] });
  }
  if (path === '/detokenize' && shows) return Response.json({ prompt: prompts.at(-1) });
  if (path !== '/v1/chat/completions') return null;
  const isRefused = body.continue_final_message === true && !prefill;
  return isRefused
    ? Response.json({ error: { message: 'not supported' } }, { status: 400 })
    : Response.json(answerChat(served, body));
}

async function startServed(change: Partial<Served>): Promise<LocalServer> {
  const served = { ...wellServed, ...change };
  const prompts: string[] = [];
  const server = await startServer((request, response) => {
    const body: ChatBody = JSON.parse(server.requests.at(-1)?.body || '{}');
    const given = answer(served, request.url ?? '', { body, prompts }) ?? new Response('', { status: 404 });
    void given.text().then((text) => response.writeHead(given.status).end(text));
  });
  return server;
}

async function check(change: Partial<Served>, model = 'm') {
  await using server = await startServed(change);
  const signal = new AbortController().signal;
  const url = `${server.origin}/v1`;
  const findings = await checkModelServer({ url, apiKey: null, model, windowTokens: 262_144, signal });
  return Object.fromEntries(findings.map(({ name, state }) => [name, state]));
}

const allWell = {
  reached: 'ok',
  model: 'ok',
  window: 'ok',
  usage: 'ok',
  cache: 'ok',
  thoughts: 'ok',
  calls: 'ok',
  reasoning: 'ok',
  prefill: 'ok',
  metrics: 'ok',
};

describe('a look at a model server', () => {
  it('one that is served right: nothing to say', async () => {
    expect(await check({})).toEqual(allWell);
  });

  it.each([
    ['a window that is too small', { window: 40_960 }, { window: 'failed' }],
    ['stock Qwen3’s template, shown', { keepsThoughts: false }, { thoughts: 'failed' }],
    [
      'stock Qwen3’s template, known by its counts only',
      { keepsThoughts: false, shows: false },
      { thoughts: 'failed' },
    ],
    ['the right template, known by its counts only', { shows: false }, {}],
    [
      'no counts and no prompts',
      { usage: false, shows: false },
      { usage: 'failed', cache: 'unknown', thoughts: 'unknown' },
    ],
    ['a tool-call parser', { toolParser: true }, { calls: 'failed' }],
    ['a reasoning parser', { reasoningParser: true }, { reasoning: 'warning' }],
    ['cached tokens not told', { cached: null }, { cache: 'warning' }],
    ['no prefix cache', { cached: 0 }, { cache: 'warning' }],
    ['no way to go on with a reply', { prefill: false }, { prefill: 'warning' }],
    ['no metrics', { metrics: false }, { metrics: 'warning' }],
  ])('%s: found', async (_, change, found) => {
    expect(await check(change)).toEqual({ ...allWell, ...found });
  });

  it('a model that is not there: told, and nothing further is asked', async () => {
    expect(await check({}, 'another')).toEqual({ reached: 'ok', model: 'failed', window: 'unknown' });
  });

  it('nobody there: the one finding', async () => {
    const server = await startServed({});
    await server[Symbol.asyncDispose]();
    const options = { url: `${server.origin}/v1`, apiKey: null, model: 'm', windowTokens: 1_024 };
    const findings = await checkModelServer({ ...options, signal: new AbortController().signal });
    expect(findings).toMatchObject([{ name: 'reached', state: 'failed' }]);
  });
});

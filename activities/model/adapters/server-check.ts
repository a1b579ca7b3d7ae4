import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import { parseServerMetrics } from '../../../domain/pool/server-metrics.ts';
import type { ServerFacts } from '../pool/ports.ts';
import { askText, describeServer } from './describe-server.ts';

/** Where a server is, and what is expected of it. */
export interface ServerCheckOptions {
  /** Ending in `/v1`. */
  readonly url: string;
  readonly apiKey: string | null;
  /** The name that is asked for. */
  readonly model: string;
  /** Window that profiles count on. */
  readonly windowTokens: number;
  readonly signal: AbortSignal;
}

/** `unknown`: this server gives no way to tell. */
export type CheckState = 'ok' | 'warning' | 'failed' | 'unknown';

/** One finding. */
export interface ServerFinding {
  readonly name:
    | 'reached'
    | 'model'
    | 'window'
    | 'usage'
    | 'cache'
    | 'thoughts'
    | 'calls'
    | 'reasoning'
    | 'prefill'
    | 'metrics';
  readonly state: CheckState;
  readonly detail: string;
}

interface ChatMessage {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

const completionSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        message: z.looseObject({
          content: z.string().nullish(),
          reasoning_content: z.string().nullish(),
          reasoning: z.string().nullish(),
          tool_calls: z.array(z.unknown()).nullish(),
        }),
      }),
    )
    .min(1),
  usage: z
    .looseObject({
      prompt_tokens: z.number(),
      prompt_tokens_details: z.looseObject({ cached_tokens: z.number().nullish() }).nullish(),
    })
    .nullish(),
});
type Completion = z.infer<typeof completionSchema>;

/** A server that is asked a few small questions. */
class CheckedServer {
  readonly #options: ServerCheckOptions;
  readonly #root: string;

  constructor(options: ServerCheckOptions) {
    this.#options = options;
    this.#root = options.url.replace(/\/v1\/?$/u, '');
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  get = (path: string, signal: AbortSignal): Promise<Response> =>
    fetch(`${this.#root}${path}`, { signal, headers: this.#headers() });

  post(path: string, body: object): Promise<Response> {
    return fetch(`${this.#root}${path}`, {
      method: 'POST',
      signal: this.signal,
      headers: { ...this.#headers(), 'content-type': 'application/json' },
      body: JSON.stringify({ model: this.#options.model, ...body }),
    });
  }

  /** A short reply. @throws AppError `Model.Refused` with what the server said */
  async chat(messages: readonly ChatMessage[], maxTokens: number, more: object = {}): Promise<Completion> {
    const response = await this.post('/v1/chat/completions', {
      messages,
      max_tokens: maxTokens,
      temperature: 0,
      ...more,
    });
    const text = await response.text();
    if (response.ok) return completionSchema.parse(JSON.parse(text));
    throw new AppError('Model.Refused', { what: `the server answered ${response.status}: ${text.slice(0, 200)}` });
  }

  #headers(): Record<string, string> {
    const { apiKey } = this.#options;
    return apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  }
}

/** Words that no prompt holds by accident; long enough to show in a count of tokens. */
const thoughtOf = (turn: number): string => `zebra${turn} quartz${turn} `.repeat(20).trim();

/** A history of three turns, every past one with a thought; without the first thought where that is left out. */
function historyWith(firstThought: boolean): ChatMessage[] {
  const reply = (turn: number): ChatMessage => {
    const thought = turn > 1 || firstThought ? `<think>\n${thoughtOf(turn)}\n</think>\n\n` : '';
    return { role: 'assistant', content: `${thought}Reply ${turn}.` };
  };
  return [
    { role: 'user', content: 'Question.' },
    reply(1),
    { role: 'user', content: 'Observation 1.' },
    reply(2),
    { role: 'user', content: 'Observation 2.' },
  ];
}

const promptSchema = z.looseObject({ prompt: z.string() });
const tokensSchema = z.looseObject({ tokens: z.array(z.number()) });

async function postJson<T>(
  server: CheckedServer,
  path: string,
  { body, schema }: { body: object; schema: z.ZodType<T> },
): Promise<T | null> {
  const response = await server.post(path, body);
  const text = await response.text();
  if (!response.ok) return null;
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** The prompt's text as the server's template writes it; null where it does not show it. */
async function renderAtServer(server: CheckedServer, messages: readonly ChatMessage[]): Promise<string | null> {
  const applied = await postJson(server, '/apply-template', { body: { messages }, schema: promptSchema });
  if (applied !== null) return applied.prompt;
  const body = { messages, add_generation_prompt: true };
  const encoded = await postJson(server, '/tokenize', { body, schema: tokensSchema });
  if (encoded === null) return null;
  const decoded = await postJson(server, '/detokenize', { body: { tokens: encoded.tokens }, schema: promptSchema });
  return decoded?.prompt ?? null;
}

type Finding = Omit<ServerFinding, 'name'>;

async function checkThoughts(server: CheckedServer): Promise<Finding> {
  const mend = 'serve it with MiroThinker’s own chat template';
  const prompt = await renderAtServer(server, historyWith(true));
  if (prompt !== null) {
    const kept = [1, 2].filter((turn) => prompt.includes(thoughtOf(turn))).length;
    const blocks = prompt.split('<think>').length - 1;
    if (kept === 2) return { state: 'ok', detail: `both past thoughts are in the prompt (${blocks} think blocks)` };
    return { state: 'failed', detail: `${kept} of 2 past thoughts are in the prompt: ${mend}` };
  }
  const [whole, less] = [await server.chat(historyWith(true), 1), await server.chat(historyWith(false), 1)];
  const difference = (whole.usage?.prompt_tokens ?? Number.NaN) - (less.usage?.prompt_tokens ?? Number.NaN);
  if (Number.isNaN(difference))
    return { state: 'unknown', detail: 'the server neither shows its prompts nor counts their tokens' };
  // Forty words are forty tokens at the very least.
  if (difference >= 40)
    return { state: 'ok', detail: `the first thought counts ${difference} tokens in the third prompt` };
  return { state: 'failed', detail: `the first thought counts ${difference} tokens in the third prompt: ${mend}` };
}

const call =
  '<use_mcp_tool>\n<server_name>s</server_name>\n<tool_name>t</tool_name>\n<arguments>\n{"q": "x"}\n</arguments>\n</use_mcp_tool>';

/** Whether a call that the model writes arrives as text, and whether thoughts do. */
async function checkReply(server: CheckedServer): Promise<{ calls: Finding; reasoning: Finding }> {
  const content = `Repeat the following text exactly, and write nothing else:\n${call}`;
  const reply = await server.chat([{ role: 'user', content }], 1_024);
  const { message } = reply.choices[0] ?? { message: {} };
  const text = message.content ?? '';
  const split = message.reasoning_content ?? message.reasoning ?? '';
  const reasoning: Finding =
    split === ''
      ? { state: 'ok', detail: 'thoughts stay in the text' }
      : {
          state: 'warning',
          detail: 'a reasoning parser splits thoughts off; they are put back in front of each reply',
        };
  if ((message.tool_calls?.length ?? 0) > 0)
    return {
      reasoning,
      calls: { state: 'failed', detail: 'a tool-call parser takes calls out of the text: serve it without one' },
    };
  if (text.includes('<use_mcp_tool>') && text.includes('</use_mcp_tool>'))
    return { reasoning, calls: { state: 'ok', detail: 'a call arrives as text' } };
  return {
    reasoning,
    calls: { state: 'unknown', detail: 'the model did not repeat the call; nothing was taken out of its text' },
  };
}

async function checkUsage(server: CheckedServer): Promise<{ usage: Finding; cache: Finding }> {
  const messages: ChatMessage[] = [{ role: 'user', content: thoughtOf(9).repeat(20) }];
  await server.chat(messages, 1);
  const { usage } = await server.chat(messages, 1);
  if (usage === null || usage === undefined) {
    const detail = 'no token counts: budgets would rest on estimates';
    return { usage: { state: 'failed', detail }, cache: { state: 'unknown', detail: 'no token counts' } };
  }
  const cached = usage.prompt_tokens_details?.cached_tokens ?? null;
  const counted: Finding = { state: 'ok', detail: `${usage.prompt_tokens} prompt tokens counted` };
  if (cached === null)
    return {
      usage: counted,
      cache: { state: 'warning', detail: 'cached tokens are not told (vLLM: --enable-prompt-tokens-details)' },
    };
  if (cached === 0)
    return {
      usage: counted,
      cache: { state: 'warning', detail: 'a repeated prompt was not served from the prefix cache' },
    };
  return {
    usage: counted,
    cache: { state: 'ok', detail: `${cached} of ${usage.prompt_tokens} tokens of a repeated prompt were cached` },
  };
}

async function checkPrefill(server: CheckedServer, { engine }: ServerFacts): Promise<Finding> {
  const messages: ChatMessage[] = [
    { role: 'user', content: 'Count to five.' },
    { role: 'assistant', content: 'One, two, three,' },
  ];
  const flags = engine === 'llamacpp' ? {} : { continue_final_message: true, add_generation_prompt: false };
  try {
    await server.chat(messages, 8, flags);
    return { state: 'ok', detail: 'a reply that has begun is gone on with' };
  } catch (error) {
    const detail = error instanceof Error ? error.message.slice(0, 200) : String(error);
    return {
      state: 'warning',
      detail: `a begun reply is refused, so that failure summaries begin without their opening (${detail})`,
    };
  }
}

function checkModel(
  { models }: ServerFacts,
  { model, windowTokens }: ServerCheckOptions,
): { model: Finding; window: Finding } {
  const found = models.find(({ id }) => id === model);
  const names = models.map(({ id }) => id).join(', ') || 'none';
  const isThere: Finding =
    found === undefined
      ? { state: 'failed', detail: `not served; there are: ${names}` }
      : { state: 'ok', detail: `${model} is served` };
  const window = found?.windowTokens ?? null;
  if (window === null)
    return { model: isThere, window: { state: 'unknown', detail: 'the server does not tell its window' } };
  const detail = `${window} tokens, ${windowTokens} are counted on`;
  return { model: isThere, window: { state: window < windowTokens ? 'failed' : 'ok', detail } };
}

async function checkMetrics(server: CheckedServer): Promise<Finding> {
  const text = await askText(server.get, '/metrics', server.signal).catch(() => null);
  if (text === null || parseServerMetrics(text).running === null)
    return { state: 'warning', detail: 'no metrics of its load: the pool counts its own calls only' };
  return { state: 'ok', detail: 'the load is told' };
}

/**
 * Looks at a model server before it is relied on: window, chat template, calls, thoughts, counts, cache. Costs a few hundred tokens.
 *
 * *Contract:* a server that cannot be reached is the one finding `reached: failed`; rejects only for the signal.
 */
export async function checkModelServer(options: ServerCheckOptions): Promise<ServerFinding[]> {
  const server = new CheckedServer(options);
  const findings: ServerFinding[] = [];
  const add = (name: ServerFinding['name'], finding: Finding): void => void findings.push({ name, ...finding });
  try {
    const facts = await describeServer(server.get, options.signal);
    add('reached', { state: 'ok', detail: `${facts.engine ?? 'an unknown server'} ${facts.version ?? ''}`.trim() });
    const { model, window } = checkModel(facts, options);
    add('model', model);
    add('window', window);
    if (model.state === 'failed') return findings;
    const { usage, cache } = await checkUsage(server);
    add('usage', usage);
    add('cache', cache);
    add('thoughts', await checkThoughts(server));
    const { calls, reasoning } = await checkReply(server);
    add('calls', calls);
    add('reasoning', reasoning);
    add('prefill', await checkPrefill(server, facts));
    add('metrics', await checkMetrics(server));
  } catch (error) {
    options.signal.throwIfAborted();
    const detail = error instanceof Error ? error.message.slice(0, 300) : String(error);
    add('reached', { state: 'failed', detail });
  }
  return findings;
}

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type CorpusSearch, createCorpusSearch } from '../../../../activities/web/adapters/corpus-search.ts';
import { toPageText } from '../../../../activities/web/page-text.ts';
import { readHtml } from '../../../../activities/web/reading/html/read-html.ts';
import { toReaderPrompt } from '../../../../activities/web/reader-prompt.ts';
import { extractBoxed } from '../../../../domain/boxed.ts';
import { mcpXml } from '../../../../domain/dialects/mcp-xml.ts';
import { demoAnswer, demoCorpusFolder, demoQuestion } from '../../../../infra/dev/corpus/demo-question.ts';
import { loadPages } from '../../../../infra/dev/corpus/pages.ts';
import { type CorpusServer, startCorpusServer } from '../../../../infra/dev/corpus/server.ts';
import { type ModelServer, startModelServer } from '../../../../infra/dev/model-server/server.ts';
import { createStandInMind, standInLabel } from '../../../../infra/dev/model-server/stand-in/mind.ts';

type Messages = OpenAI.ChatCompletionMessageParam[];

const pagesFile = join(demoCorpusFolder, 'pages.jsonl');
let corpus: CorpusServer;
let model: ModelServer;
let search: CorpusSearch;
let client: OpenAI;

beforeAll(async () => {
  corpus = await startCorpusServer({ pagesFile });
  model = await startModelServer({ mode: createStandInMind() });
  search = createCorpusSearch({ pages: loadPages(pagesFile, corpus.host) });
  client = new OpenAI({ baseURL: model.url, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  search.close();
  await Promise.all([corpus.close(), model.close()]);
});

async function ask(messages: Messages): Promise<string> {
  const completion = await client.chat.completions.create({ model: 'longhaul-stand-in', messages });
  return completion.choices[0]?.message.content ?? '';
}

type Tool = (values: Record<string, string>) => Promise<string>;

/** The real tools' ways over the real corpus, as far as a test can have them: search, HTTP fetch, reader model, Python. */
const tools: Record<string, Tool> = {
  google_search: async (values) => {
    const call = { signal: new AbortController().signal, stepKey: 'step' };
    return JSON.stringify(await search.search({ q: values['q'] ?? '' }, call));
  },
  scrape_and_extract_info: async (values) => {
    const url = values['url'] ?? '';
    const { markdown, links } = readHtml(await (await fetch(url)).text(), url);
    const prompt = toReaderPrompt({
      wanted: values['info_to_extract'] ?? '',
      text: toPageText({ text: markdown, links }),
    });
    return JSON.stringify({ success: true, url, extracted_info: await ask([{ role: 'user', content: prompt }]) });
  },
  create_sandbox: async () => 'Sandbox created with sandbox_id: sbx_0007',
  run_python_code: async (values) => {
    expect(values['sandbox_id']).toBe('sbx_0007');
    const stdout = execFileSync('python3', ['-c', values['code_block'] ?? ''], { encoding: 'utf8' });
    return `CommandResult(stderr="", stdout=${JSON.stringify(stdout)}, exit_code=0, error="")`;
  },
};

interface Research {
  readonly replies: string[];
  readonly called: string[];
  readonly final: string;
}

/** Plays the agent's loop: at most `keep` observations stay in view. */
async function research(question: string, keep = 5, available: Record<string, Tool> = tools): Promise<Research> {
  const messages: Messages = [
    { role: 'system', content: mcpXml.systemPrompt({ tools: [], date: '2026-01-01' }) },
    { role: 'user', content: mcpXml.taskMessage(question) },
  ];
  const replies: string[] = [];
  const called: string[] = [];
  const view = (extra: Messages): Messages =>
    [...messages, ...extra].map((message, index) =>
      message.role === 'user' && index > 1 && index < messages.length - 2 * keep + 1
        ? { role: 'user', content: mcpXml.omitted }
        : message,
    );
  for (let turn = 0; turn < 30; turn += 1) {
    const reply = await ask(view([]));
    replies.push(reply);
    messages.push({ role: 'assistant', content: reply });
    const [call] = mcpXml.parseReply(reply).calls;
    if (call === undefined) break;
    called.push(call.tool);
    const values = z.record(z.string(), z.string()).parse(call.arguments);
    const observation = await available[call.tool]?.(values);
    messages.push({ role: 'user', content: observation ?? `Tool call to ${call.tool} failed. Error: not there` });
  }
  const final = await ask(view([{ role: 'user', content: mcpXml.finalPrompt(question) }]));
  return { replies, called, final };
}

describe('stand-in researcher', () => {
  it('demo question → searched, read, computed and answered in 8 to 14 calls', async () => {
    const { called, final, replies } = await research(demoQuestion);
    expect(extractBoxed(final)).toBe(demoAnswer);
    expect(final).toContain(`gave: ${demoAnswer}.`);
    expect(called.length).toBeGreaterThanOrEqual(8);
    expect(called.length).toBeLessThanOrEqual(14);
    expect(called.slice(-2)).toEqual(['create_sandbox', 'run_python_code']);
    for (const source of ['Skarrow%20Light', 'Josiah%20Pell', '1852', '1869']) expect(final).toContain(source);
    for (const text of [...replies, final]) expect(text.startsWith(standInLabel)).toBe(true);
  });

  it('only the newest observation in view → the same answer, since its notes stand in its replies', async () => {
    const wide = await research(demoQuestion, 100);
    const narrow = await research(demoQuestion, 1);
    expect(narrow).toEqual(wide);
  });

  it('question that the corpus cannot answer → no box', async () => {
    const { final } = await research('Who won the chess title of Mars in 2031?');
    expect(extractBoxed(final)).toBeNull();
    expect(final).toContain('No answer found');
  });

  it('every tool fails → ends by itself, without a box', async () => {
    const { called, final } = await research(demoQuestion, 5, {});
    expect(called.length).toBeGreaterThan(0);
    expect(called.length).toBeLessThan(15);
    expect(extractBoxed(final)).toBeNull();
  });

  it('sandbox fails → the answer stands without the program', async () => {
    const { run_python_code: _python, create_sandbox: _sandbox, ...rest } = tools;
    const { final } = await research(demoQuestion, 5, rest);
    expect(extractBoxed(final)).toBe(demoAnswer);
    expect(final).not.toContain('program');
  });

  it.each([
    ['Which lighthouse is taller, Brask Rock Light or Cape Venn Light?', 'Brask Rock Light'],
    ['Who died first, Josiah Pell or Aubin Lacroix?', 'Aubin Lacroix'],
    ['Are Harriet Dowe and Edmund Raike both engineers?', 'yes'],
    ['Who designed Brask Rock Light?', 'Harriet Dowe'],
    ['When did the Pell Glassworks close?', '1921'],
  ])('%s → %s', async (question, answer) => {
    expect(extractBoxed((await research(question)).final)).toBe(answer);
  });
});

describe('stand-in reader', () => {
  it('page and wanted information → the sentences that fit, verbatim, labelled', async () => {
    const page =
      '# Light\n\nThe light stands on a cape. It was lit in 1852 [by Pell](http://x/Pell). Sheep graze there. Tea is served.';
    const text = await ask([{ role: 'user', content: toReaderPrompt({ wanted: 'When was it lit?', text: page }) }]);
    expect(text.split('\n')).toEqual([
      'Rule-based stand-in reader, sentences of the page verbatim:',
      'The light stands on a cape.',
      'It was lit in 1852 [by Pell](http://x/Pell).',
    ]);
  });

  it('page without text → says so', async () => {
    const text = await ask([{ role: 'user', content: toReaderPrompt({ wanted: 'Anything', text: '' }) }]);
    expect(text).toContain('no sentence');
  });
});

import { z } from 'zod';
import { type ChatMessage, omittedObservation } from '../chat-request.ts';
import { plain, sentences } from './language.ts';

/** A sentence and where it stands. */
export interface Fact {
  readonly title: string;
  readonly url: string;
  readonly sentence: string;
}

/** Everything that the stand-in knows: read from its own replies, and from the newest observation. */
export interface Notebook {
  readonly task: string;
  readonly facts: Fact[];
  /** Pages that it knows of, by URL, in the order in which they turned up. */
  readonly seen: Map<string, string>;
  /** URLs that it has tried to read. */
  readonly read: Set<string>;
  readonly queries: string[];
  readonly calls: { readonly tool: string; readonly arguments: Readonly<Record<string, string>> }[];
  sandbox: string | null;
  /** What its Python program printed as the result. */
  result: string | null;
}

const searchSchema = z.looseObject({ organic: z.array(z.looseObject({ title: z.string(), link: z.string() })) });
const scrapeSchema = z.looseObject({ success: z.boolean(), url: z.string(), extracted_info: z.string().nullish() });
const argumentsSchema = z.record(z.string(), z.coerce.string());

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The task without the lines about the answer's form. */
function toTask(text: string): string {
  const paragraphs = text.split(/\n\s*\n/u).filter((paragraph) => !paragraph.includes('\\boxed'));
  return (paragraphs.length === 0 ? text : paragraphs.join('\n')).trim();
}

function firstGroup(pattern: RegExp, text: string): string | null {
  return pattern.exec(text)?.[1] ?? null;
}

function readCall(book: Notebook, text: string): void {
  const tool = firstGroup(/<tool_name>\s*([^<]+?)\s*<\/tool_name>/u, text);
  if (tool === null) return;
  const source = firstGroup(/<arguments>\s*([\s\S]*?)\s*<\/arguments>/u, text);
  const { data: values = {} } = argumentsSchema.safeParse(parseJson(source ?? ''));
  book.calls.push({ tool, arguments: values });
  if (values['q'] !== undefined) book.queries.push(values['q']);
  if (values['url'] !== undefined) book.read.add(values['url']);
}

function readReply(book: Notebook, text: string): void {
  for (const [, title = '', url = '', quote] of text.matchAll(/^- (.+?) <(\S+?)>(?: "(.*)")?$/gmu)) {
    book.seen.set(url, title);
    if (quote !== undefined) book.facts.push({ title, url, sentence: quote });
  }
  book.sandbox = firstGroup(/^Sandbox: (\S+)$/mu, text) ?? book.sandbox;
  book.result = firstGroup(/^Result: (.+)$/mu, text) ?? book.result;
  readCall(book, text);
}

function titleFromUrl(url: string): string {
  const last = url.split('/').at(-1) ?? url;
  try {
    return decodeURIComponent(last).replaceAll('_', ' ');
  } catch {
    return last;
  }
}

/** Links to pages that were not seen before. */
function readLinks(book: Notebook, markdown: string): void {
  for (const [, name = '', url = ''] of markdown.matchAll(
    /(?<!!)\[([^\]]+)\]\((https?:(?:[^()\s]|\([^()\s]*\))+)\)/gu,
  )) {
    if (!book.seen.has(url)) book.seen.set(url, plain(name));
  }
}

function readPage(book: Notebook, observation: string): void {
  const { data: scraped } = scrapeSchema.safeParse(parseJson(observation));
  if (scraped?.success !== true) return;
  const info = scraped.extracted_info ?? '';
  const url = book.calls.at(-1)?.arguments['url'] ?? scraped.url;
  const title = book.seen.get(url) ?? titleFromUrl(url);
  readLinks(book, info);
  for (const line of sentences(info)) {
    const sentence = plain(line).replaceAll('"', "'");
    if (!sentence.includes('stand-in reader')) book.facts.push({ title, url, sentence });
  }
}

function readHits(book: Notebook, observation: string): void {
  const { data: found } = searchSchema.safeParse(parseJson(observation));
  for (const hit of found?.organic ?? []) if (!book.seen.has(hit.link)) book.seen.set(hit.link, hit.title);
}

const observers: Readonly<Record<string, (book: Notebook, observation: string) => void>> = {
  google_search: readHits,
  scrape_and_extract_info: readPage,
  create_sandbox: (book, observation) => {
    book.sandbox = firstGroup(/sandbox_id: ([\w-]+)/u, observation);
  },
  run_python_code: (book, observation) => {
    book.result = firstGroup(/RESULT: ([^\n\\'"]+)/u, observation)?.trim() ?? null;
  },
};

function readObservation(book: Notebook, observation: string): void {
  const tool = book.calls.at(-1)?.tool ?? '';
  if (observation !== omittedObservation && Object.hasOwn(observers, tool)) observers[tool]?.(book, observation);
}

/** What the conversation says. `observation` is false for a request whose last message is no observation. */
export function openNotebook(messages: readonly ChatMessage[], observation: boolean): Notebook {
  const task = toTask(messages.find((message) => message.role === 'user')?.text ?? '');
  const book: Notebook = {
    task,
    facts: [],
    seen: new Map(),
    read: new Set(),
    queries: [],
    calls: [],
    sandbox: null,
    result: null,
  };
  for (const message of messages) if (message.role === 'assistant') readReply(book, message.text);
  const last = messages.at(-1);
  if (observation && last?.role !== 'assistant' && last !== undefined) readObservation(book, last.text);
  return book;
}

/** What the notebook has that `earlier` had not, as lines for the next reply; {@link openNotebook} reads them back. */
export function renderNews(book: Notebook, earlier: Notebook): string[] {
  const lines: string[] = [];
  const facts = book.facts.slice(earlier.facts.length);
  const pages = [...book.seen].filter(([url]) => !earlier.seen.has(url));
  if (facts.length > 0)
    lines.push('Notes:', ...facts.map((fact) => `- ${fact.title} <${fact.url}> "${fact.sentence}"`));
  if (pages.length > 0) lines.push('Pages seen:', ...pages.map(([url, title]) => `- ${title} <${url}>`));
  if (book.sandbox !== null && earlier.sandbox === null) lines.push(`Sandbox: ${book.sandbox}`);
  if (book.result !== null && earlier.result === null) lines.push(`Result: ${book.result}`);
  return lines;
}

import type { McpCall } from '../mind.ts';
import { answerFrom } from './answer.ts';
import { bareTitle, gather, namedInFacts } from './evidence.ts';
import { terms } from './language.ts';
import type { Notebook } from './notebook.ts';
import type { Question } from './question.ts';
import { checkProgram } from './program.ts';

/** What to do next: a call and why, or null when the research is over. */
export type Step = { readonly why: string; readonly call: McpCall } | null;

/** Limits of the stand-in's patience. */
const maxReads = 6;
const maxSearches = 5;

const search = (q: string): McpCall => ({
  server: 'search_and_scrape_webpage',
  tool: 'google_search',
  arguments: { q },
});

const readPage = (url: string, wanted: string): McpCall => ({
  server: 'jina_scrape_llm_summary',
  tool: 'scrape_and_extract_info',
  arguments: { url, info_to_extract: wanted },
});

const python = (tool: string, values: Record<string, unknown>): McpCall => ({
  server: 'tool-python',
  tool,
  arguments: values,
});

/** How much a page that is not read yet promises. */
function promise(title: string, question: Question): number {
  const own = terms(bareTitle(title));
  const inName = question.names.some((name) => {
    const wanted = terms(name);
    return own.length > 0 && (wanted.every((term) => own.includes(term)) || own.every((term) => wanted.includes(term)));
  });
  const shared = own.filter((term) => question.terms.includes(term)).length / Math.max(1, own.length);
  return (inName ? 100 : 0) + shared;
}

function sameName(left: string, right: string): boolean {
  return terms(bareTitle(left)).join(' ') === terms(right).join(' ');
}

/** The page whose name the notes or the question bring up most, or a search for it. */
function follow(book: Notebook, question: Question): Step {
  const unread = [...book.seen].filter(([url]) => !book.read.has(url));
  const named = namedInFacts(question, gather(book));
  const given = unread
    .map(([url, title]) => ({ url, title, score: promise(title, question) }))
    .toSorted((left, right) => right.score - left.score)[0];
  if (given !== undefined && given.score >= 100) {
    return { why: `The question names ${given.title}; I read its page.`, call: readPage(given.url, question.text) };
  }
  for (const { name } of named.slice(0, 8)) {
    const page = unread.find(([, title]) => sameName(title, name));
    if (page !== undefined) {
      return { why: `My notes name ${name}; I read its page.`, call: readPage(page[0], `${name}: ${question.text}`) };
    }
    const isKnown = [...book.seen.values()].some((title) => sameName(title, name)) || book.queries.includes(name);
    if (!isKnown && book.queries.length < maxSearches) {
      return { why: `My notes name ${name}, of which I have no page; I search for it.`, call: search(name) };
    }
  }
  if (given === undefined || given.score === 0) return null;
  return { why: `${given.title} is the next best page.`, call: readPage(given.url, question.text) };
}

function searchFirst(book: Notebook, question: Question): Step {
  if (book.queries.length === 0) {
    const wanted =
      question.names.length === 0
        ? question.text
        : `${question.names.join(' ')} ${question.terms.slice(0, 6).join(' ')}`;
    const q = wanted.length > 300 ? question.text.slice(0, 300) : wanted;
    return { why: 'I begin with a search for what the question names.', call: search(q) };
  }
  const missing = question.names.find(
    (name) =>
      !book.queries.includes(name) &&
      ![...book.seen.values()].some((title) => promise(title, { ...question, names: [name] }) >= 100),
  );
  if (missing === undefined || book.queries.length >= 3) return null;
  return { why: `No page for ${missing} turned up yet; I search for the name alone.`, call: search(missing) };
}

/** Enough is known: an answer that rests on two pages, or on what the question asks to compare. */
function isEnough(book: Notebook, question: Question): boolean {
  const answer = answerFrom(question, gather(book));
  if (answer === null) return false;
  const pages = new Set(book.facts.map((fact) => fact.url)).size;
  return pages >= (question.kind === 'years-between' ? maxReads : question.sides.length === 2 ? 2 : 4);
}

function compute(book: Notebook, question: Question): Step {
  const program = checkProgram(question, gather(book));
  if (program === null) return null;
  if (!book.calls.some((call) => call.tool === 'create_sandbox')) {
    return { why: 'I have what I need; a small program is to check it.', call: python('create_sandbox', {}) };
  }
  if (book.sandbox === null || book.calls.some((call) => call.tool === 'run_python_code')) return null;
  const values = { code_block: program, sandbox_id: book.sandbox };
  return { why: 'I run the check.', call: python('run_python_code', values) };
}

/** Decides from the notebook alone. */
export function nextStep(book: Notebook, question: Question): Step {
  const begun = book.calls.some((call) => call.tool === 'create_sandbox');
  if (!begun && book.read.size < maxReads && !isEnough(book, question)) {
    const step = searchFirst(book, question) ?? follow(book, question);
    if (step !== null) return step;
  }
  return compute(book, question);
}

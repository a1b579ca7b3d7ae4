import { existsSync, readFileSync } from 'node:fs';
import { Readability } from '@mozilla/readability';
import { z } from 'zod';
import { createPageParser } from '../../activities/web/adapters/page-parser.ts';
import { toDocument } from '../../activities/web/reading/html/html-document.ts';
import { toVisibleText } from '../../activities/web/reading/html/page-dom.ts';
import { readHtml } from '../../activities/web/reading/html/read-html.ts';
import { demoCorpusFolder } from '../../infra/dev/corpus/demo-question.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { mean, percentile } from '../support/statistics.ts';
import { type TemplatePage, toTemplatePage } from './page-templates.ts';
import { scoreTokens } from './token-score.ts';

const pageSchema = z.object({ title: z.string(), text: z.string() });
const url = 'https://example.com/stories/1';
/** Real texts beside the demo's own, where they are present. */
const moreTexts = new URL('../../../shared/data/hotpotqa-100/pages.jsonl', import.meta.url);
const minChars = 400;
/** Pages of the first moments, while code is compiled, are not counted. */
const warmUpPages = 20;

interface Measured {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  readonly pagesPerSecond: number;
  readonly p95Ms: number;
}

interface ReadingResult {
  readonly bench: 'reading';
  readonly ok: boolean;
  readonly violations: readonly string[];
  readonly pages: number;
  /** Main text chosen, in this process. */
  readonly ours: Measured;
  /** Readability alone over the same document. */
  readonly readability: Measured;
  /** The same pages through the parser process, as the web workers have it. */
  readonly throughProcess: { readonly pagesPerSecond: number; readonly peakResidentMegabytes: number };
}

/** Reads pages that are made of known texts in many layouts, beside Readability on the same documents. */
export async function runReadingBench(context: BenchContext): Promise<ReadingResult> {
  const pages = loadTexts().map((text, index) => toTemplatePage(text, index + 1));
  context.report(`${pages.length} pages`);
  const ours = measure(pages, (html) => readHtml(html, url).markdown);
  context.report(`ours: F1 ${ours.f1}, ${ours.pagesPerSecond} pages a second`);
  const readability = measure(pages, readByReadability);
  context.report(`Readability alone: F1 ${readability.f1}, ${readability.pagesPerSecond} pages a second`);
  const throughProcess = await measureProcess(context, pages);
  const violations = [
    ...(ours.f1 >= readability.f1 ? [] : [`ours finds less than Readability alone: ${ours.f1} < ${readability.f1}`]),
    ...(throughProcess.peakResidentMegabytes <= 768 ? [] : ['the parser process used more memory than its limit']),
  ];
  return {
    bench: 'reading',
    ok: violations.length === 0,
    violations,
    pages: pages.length,
    ours,
    readability,
    throughProcess,
  };
}

function loadTexts(): z.infer<typeof pageSchema>[] {
  const files = [`${demoCorpusFolder}pages.jsonl`, ...(existsSync(moreTexts) ? [moreTexts] : [])];
  return files
    .flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
    .map((line) => pageSchema.parse(JSON.parse(line)))
    .filter(({ text }) => text.length >= minChars);
}

function readByReadability(html: string): string {
  const article = new Readability(toDocument(html, url)).parse();
  return toVisibleText({ textContent: article?.textContent ?? '' });
}

function measure(pages: readonly TemplatePage[], read: (html: string) => string): Measured {
  for (const { html } of pages.slice(0, warmUpPages)) read(html);
  const times: number[] = [];
  const scores = pages.map(({ html, gold }) => {
    const startedAt = performance.now();
    const found = read(html);
    times.push(performance.now() - startedAt);
    return scoreTokens(found, gold);
  });
  return {
    f1: round(mean(scores.map(({ f1 }) => f1))),
    precision: round(mean(scores.map(({ precision }) => precision))),
    recall: round(mean(scores.map(({ recall }) => recall))),
    pagesPerSecond: Math.round(1000 / mean(times)),
    p95Ms: round(percentile(times, 0.95)),
  };
}

async function measureProcess(
  context: BenchContext,
  pages: readonly TemplatePage[],
): Promise<ReadingResult['throughProcess']> {
  const parser = createPageParser();
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, residentMegabytes())), 20);
  try {
    const read = ({ html }: TemplatePage) =>
      parser.parse({ bytes: Buffer.from(html), contentType: 'text/html', url }, context.signal);
    for (const page of pages.slice(0, warmUpPages)) await read(page);
    const startedAt = performance.now();
    for (const page of pages) await read(page);
    const seconds = (performance.now() - startedAt) / 1000;
    return { pagesPerSecond: Math.round(pages.length / seconds), peakResidentMegabytes: Math.round(peak) };
  } finally {
    clearInterval(watch);
    parser.close();
  }
}

/** Of the largest child of this process: the parser. */
function residentMegabytes(): number {
  try {
    const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    const pages = children.map((pid) => Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]));
    return (Math.max(0, ...pages) * 4096) / 1_048_576;
  } catch {
    return 0;
  }
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

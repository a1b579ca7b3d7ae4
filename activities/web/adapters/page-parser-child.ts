/**
 * The process that parses pages: started by `page-parser.ts`, with an empty environment, and killed by it without regret.
 *
 * It ends when its channel closes. While a page holds its only thread it cannot notice that, so a watchdog thread looks whether the
 * parent is still there.
 */
import { Worker } from 'node:worker_threads';

import { decodeText } from './page-decode.ts';
import { toCharset } from './page-kind.ts';
import { PageLimitError, toMarkdownPage } from './page-markdown.ts';
import {
  maxParsedChars,
  maxTitleChars,
  type ParseAnswer,
  type ParseJob,
  parseJobSchema,
} from './page-parser-protocol.ts';

process.on('disconnect', () => process.exit(0));
new Worker(new URL('./page-parser-watchdog.ts', import.meta.url), { workerData: { parentPid: process.ppid } }).unref();

process.on('message', (message) => {
  const job = parseJobSchema.parse(message);
  answer(parse(job));
});
answer({ type: 'ready' });

function parse(job: ParseJob): ParseAnswer {
  try {
    const text = decodeText({ bytes: job.bytes, charset: toCharset(job.contentType), hasMeta: job.kind === 'html' });
    const page = job.kind === 'html' ? toMarkdownPage(text, job.url) : { title: null, text };
    return {
      type: 'parsed',
      id: job.id,
      title: page.title?.slice(0, maxTitleChars) ?? null,
      text: page.text.slice(0, maxParsedChars),
    };
  } catch (error) {
    // Only our own words leave this process: a library's message may quote the page.
    const reason = error instanceof PageLimitError ? error.message : error instanceof Error ? error.name : 'Error';
    return { type: 'failed', id: job.id, error: reason };
  }
}

function answer(message: ParseAnswer): void {
  process.send?.(message);
}

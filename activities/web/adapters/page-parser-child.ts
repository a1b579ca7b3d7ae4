/**
 * The process that parses documents: started by `page-parser.ts`, with an empty environment, and killed by it without regret.
 *
 * It ends when its channel closes. While a document holds its only thread it cannot notice that, so a watchdog thread looks whether the
 * parent is still there.
 */
import { Worker } from 'node:worker_threads';

import { classify } from '../reading/document-kind.ts';
import { PageLimitError } from '../reading/html/html-document.ts';
import { readDocument } from '../reading/read-document.ts';
import { ReadError } from '../reading/read-error.ts';
import { type ParseAnswer, type ParseJob, parseJobSchema } from './page-parser-protocol.ts';

process.on('disconnect', () => process.exit(0));
new Worker(new URL('./page-parser-watchdog.ts', import.meta.url), { workerData: { parentPid: process.ppid } }).unref();

process.on('message', (message) => void work(parseJobSchema.parse(message)));
answer({ type: 'ready' });

async function work(job: ParseJob): Promise<void> {
  answer(await parse(job));
}

async function parse(job: ParseJob): Promise<ParseAnswer> {
  try {
    if (job.leavesPdf && (await classify(job.bytes, job.contentType)).kind === 'pdf')
      return { type: 'pdf', id: job.id };
    const page = await readDocument(job);
    return { type: 'parsed', id: job.id, page: { ...page, links: [...page.links] } };
  } catch (error) {
    // Only our own words leave this process: a library's message may quote the document.
    const isOurs = error instanceof PageLimitError || error instanceof ReadError;
    return {
      type: 'failed',
      id: job.id,
      error: isOurs ? error.message : error instanceof Error ? error.name : 'Error',
    };
  }
}

function answer(message: ParseAnswer): void {
  process.send?.(message);
}

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { AppError } from '../../../domain/errors.ts';
import { abortable } from './abortable.ts';
import type { PageKind } from './page-kind.ts';
import { maxParsedChars, maxTitleChars, parseAnswerSchema, type ParseJob } from './page-parser-protocol.ts';

/** One body to turn into text. */
export interface ParseRequest {
  readonly kind: PageKind;
  readonly bytes: Uint8Array;
  readonly contentType: string;
  /** Where links are relative to. */
  readonly url: string;
}

/** What a body says. */
export interface ParsedPage {
  readonly title: string | null;
  readonly text: string;
}

/** Turns bodies into text, somewhere where that can be stopped. */
export interface PageParser {
  /** Throws `Tool.Failed` when the body cannot be parsed within its limits; honours `signal`. */
  readonly parse: (request: ParseRequest, signal: AbortSignal) => Promise<ParsedPage>;
  /** Ends the process; later calls to `parse` reject. */
  readonly close: () => void;
}

/** Limits of the parser process. */
export interface PageParserOptions {
  /** For one page, from the moment that the process has it. Default 10,000. */
  readonly deadlineMs?: number;
  /** Heap of the process. Default 256. */
  readonly maxHeapMegabytes?: number;
}

interface ParserChild {
  readonly process: ChildProcess;
  readonly ready: Promise<unknown>;
}

const startTimeoutMs = 30_000;

/**
 * Creates the parser: one process with an empty environment, started when first needed, kept warm, one page at a time. A page that breaks
 * it, or holds it past the deadline, costs that page a `Tool.Failed` and everybody else nothing but a new process.
 */
export function createPageParser(options: PageParserOptions = {}): PageParser {
  const limits = { deadlineMs: options.deadlineMs ?? 10_000, maxHeapMegabytes: options.maxHeapMegabytes ?? 256 };
  let child: ParserChild | null = null;
  let tail: Promise<unknown> = Promise.resolve();
  let lastId = 0;
  let isClosed = false;

  const end = (): void => {
    child?.process.kill('SIGKILL');
    child = null;
  };

  const work = async (request: ParseRequest, signal: AbortSignal): Promise<ParsedPage> => {
    signal.throwIfAborted();
    if (isClosed) throw new AppError('Worker.Drained', { what: 'the page parser is closed' });
    if (child === null || child.process.exitCode !== null || !child.process.connected)
      child = startChild(limits.maxHeapMegabytes);
    const { process, ready } = child;
    lastId += 1;
    try {
      process.ref();
      process.channel?.ref();
      await ready;
      const page = await runJob(process, { ...request, id: lastId }, limits.deadlineMs);
      process.unref();
      process.channel?.unref();
      return page;
    } catch (error) {
      end();
      throw error;
    }
  };

  return {
    parse: (request, signal) => {
      const job = tail.then(() => work(request, signal));
      tail = job.catch(() => {});
      return abortable(job, signal);
    },
    close: () => {
      isClosed = true;
      end();
    },
  };
}

function startChild(maxHeapMegabytes: number): ParserChild {
  const process = fork(fileURLToPath(new URL('./page-parser-child.ts', import.meta.url)), [], {
    env: {},
    execArgv: [
      `--max-old-space-size=${maxHeapMegabytes}`,
      '--no-warnings',
      '--permission',
      '--allow-fs-read=*',
      '--allow-worker',
    ],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  process.on('error', () => {});
  return { process, ready: nextMessage(process, startTimeoutMs) };
}

async function runJob(process: ChildProcess, job: ParseJob, deadlineMs: number): Promise<ParsedPage> {
  const answered = nextMessage(process, deadlineMs);
  process.send(job);
  const answer = parseAnswerSchema.parse(await answered);
  if (answer.type === 'parsed' && answer.id === job.id) {
    return { title: answer.title?.slice(0, maxTitleChars) ?? null, text: answer.text.slice(0, maxParsedChars) };
  }
  throw unparsable(answer.type === 'failed' ? answer.error : 'out of step');
}

/** The next message of the process; rejects when it ends or the time is up. */
function nextMessage(process: ChildProcess, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      process.off('message', onMessage);
      process.off('exit', onExit);
      process.off('error', onError);
      act();
    };
    const onMessage = (message: unknown): void => settle(() => resolve(message));
    const onExit = (): void => settle(() => reject(unparsable('the parser ran out of memory or crashed')));
    const onError = (): void => settle(() => reject(unparsable('the parser could not be reached')));
    const timer = setTimeout(() => settle(() => reject(unparsable(`not done within ${timeoutMs} ms`))), timeoutMs);
    process.on('message', onMessage);
    process.on('exit', onExit);
    process.on('error', onError);
  });
}

function unparsable(why: string): AppError {
  return new AppError('Tool.Failed', {
    field: 'url',
    what: `the page could not be parsed: ${why}`,
    mend: 'Try another source.',
  });
}

import type { ChildProcess } from 'node:child_process';

import { AppError } from '../../../domain/errors.ts';
import { type ParsedPage, parseAnswerSchema, type ParseJob } from './page-parser-protocol.ts';
import { type ParserLimits, startParserProcess } from './parser-process.ts';

/** Asks a parser process, one job at a time; starts it when it is needed, and again after any failure. */
export interface ParserClient {
  /** Throws `Tool.Failed` when the document cannot be read within the limits; the process is gone then. */
  readonly ask: (job: Omit<ParseJob, 'id'>) => Promise<ParsedPage | 'pdf'>;
  readonly end: () => void;
}

interface ParserChild {
  readonly process: ChildProcess;
  readonly ready: Promise<unknown>;
}

const startTimeoutMs = 30_000;

/** Creates a client; nothing is started yet. An idle process keeps nobody from ending. */
export function createParserClient(limits: ParserLimits & { readonly deadlineMs: number }): ParserClient {
  let child: ParserChild | null = null;
  let lastId = 0;
  const end = (): void => {
    child?.process.kill('SIGKILL');
    child = null;
  };
  const start = (): ParserChild => {
    const process = startParserProcess(limits);
    return { process, ready: nextMessage(process, startTimeoutMs) };
  };
  return {
    end,
    ask: async (job) => {
      if (child === null || child.process.exitCode !== null || !child.process.connected) child = start();
      const { process, ready } = child;
      lastId += 1;
      try {
        process.ref();
        process.channel?.ref();
        await ready;
        const page = await runJob(process, { ...job, id: lastId }, limits.deadlineMs);
        process.unref();
        process.channel?.unref();
        return page;
      } catch (error) {
        end();
        throw error;
      }
    },
  };
}

async function runJob(process: ChildProcess, job: ParseJob, deadlineMs: number): Promise<ParsedPage | 'pdf'> {
  const answered = nextMessage(process, deadlineMs);
  process.send(job);
  const answer = parseAnswerSchema.parse(await answered);
  if (answer.type === 'parsed' && answer.id === job.id) return answer.page;
  if (answer.type === 'pdf' && answer.id === job.id) return 'pdf';
  // A document that was refused leaves the process sound, but a fresh one costs less than finding out whether that is so.
  return failParse(answer.type === 'failed' ? answer.error : 'out of step');
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

/** @throws AppError `Tool.Failed` that says why a document cannot be read */
export function failParse(why: string): never {
  throw unparsable(why);
}

function unparsable(why: string): AppError {
  return new AppError('Tool.Failed', {
    field: 'url',
    what: `the page could not be parsed: ${why}`,
    mend: 'Try another source.',
  });
}

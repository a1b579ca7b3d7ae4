import { AppError } from '../../../domain/errors.ts';
import { abortable } from './abortable.ts';
import type { ParsedPage } from './page-parser-protocol.ts';
import { createParserClient, failParse } from './parser-client.ts';
import { hasPdfTool, readPdfWithTool } from './pdf-tool.ts';

/** One body to turn into text. */
export interface ParseRequest {
  readonly bytes: Uint8Array;
  /** As the transport declares it; content wins over it. */
  readonly contentType: string;
  /** Where links are relative to. */
  readonly url: string;
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
  /** For one document, from the moment that the process has it. Default 10,000. */
  readonly deadlineMs?: number;
  /** Heap of the process. Default 384. */
  readonly maxHeapMegabytes?: number;
  /** Memory in use of the process. Default 768. */
  readonly maxResidentMegabytes?: number;
  /** Use poppler for PDF where it is there? Default true. */
  readonly usesPdfTool?: boolean;
}

/**
 * Creates the parser: one process with an empty environment, started when first needed, kept warm, one document at a time. A document that
 * breaks it, or holds it past the deadline, costs that document a `Tool.Failed` and everybody else nothing but a new process.
 */
export function createPageParser(options: PageParserOptions = {}): PageParser {
  const deadlineMs = options.deadlineMs ?? 10_000;
  const client = createParserClient({
    deadlineMs,
    maxHeapMegabytes: options.maxHeapMegabytes ?? 384,
    maxResidentMegabytes: options.maxResidentMegabytes ?? 768,
  });
  const leavesPdf = options.usesPdfTool !== false && hasPdfTool();
  let tail: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const work = async ({ bytes, contentType, url }: ParseRequest, signal: AbortSignal): Promise<ParsedPage> => {
    signal.throwIfAborted();
    if (isClosed) throw new AppError('Worker.Drained', { what: 'the page parser is closed' });
    const page = await client.ask({ bytes, contentType, url, leavesPdf });
    if (page !== 'pdf') return page;
    const byTool = await readByTool(bytes, { signal, deadlineMs });
    const read = byTool ?? (await client.ask({ bytes, contentType, url, leavesPdf: false }));
    return read === 'pdf' ? failParse('out of step') : read;
  };

  return {
    parse: (request, signal) => {
      const job = tail.then(() => work(request, signal));
      tail = job.catch(() => {});
      return abortable(job, signal);
    },
    close: () => {
      isClosed = true;
      client.end();
    },
  };
}

async function readByTool(
  bytes: Uint8Array,
  limits: { readonly signal: AbortSignal; readonly deadlineMs: number },
): Promise<ParsedPage | null> {
  const deadline = AbortSignal.timeout(limits.deadlineMs);
  try {
    return await readPdfWithTool(bytes, AbortSignal.any([limits.signal, deadline]));
  } catch (error) {
    if (deadline.aborted && !(error instanceof AppError)) failParse(`not done within ${limits.deadlineMs} ms`);
    throw error;
  }
}

import { constants, type FileHandle, open } from 'node:fs/promises';

import { createPageParser } from '../../activities/web/adapters/page-parser.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { exitCodes } from '../exit-codes.ts';

/** Options of `read`. */
export interface ReadOptions {
  /** As a server would declare it; empty when it does not. */
  readonly contentType: string;
  readonly json: boolean;
}

/** More of a file is not looked at; documents that need all of it are then refused. */
const maxFileBytes = 64 * 1024 * 1024;
const limits = { deadlineMs: 20_000, maxHeapMegabytes: 512, maxResidentMegabytes: 900 };
const totalDeadlineMs = 55_000;
const needsWhole: ReadonlySet<string> = new Set(['pdf', 'office']);

/**
 * Reads a local file as the tools read a page, and connects to nothing.
 *
 * *Contract:* never longer than a minute; nothing is written. A file that cannot be read is exit code 1, and with `json` an object that says why.
 */
export async function readFile(path: string, print: (line: string) => void, options: ReadOptions): Promise<number> {
  const startedAt = performance.now();
  const timing = (): number => Math.round(performance.now() - startedAt);
  let bytes = 0;
  try {
    const file = await loadFile(path);
    bytes = file.size;
    const { kind, title, markdown, truncated } = await parse(file, options.contentType);
    const result = { kind, title, markdown, bytes, ms: timing(), truncated };
    print(options.json ? JSON.stringify(result) : markdown);
    return exitCodes.ok;
  } catch (error) {
    const { type, message } = toAppError(error);
    if (!options.json) throw error;
    print(JSON.stringify({ error: { type, message }, bytes, ms: timing() }));
    return exitCodes.other;
  }
}

interface LoadedFile {
  readonly bytes: Uint8Array;
  /** Of the whole file. */
  readonly size: number;
}

async function parse(file: LoadedFile, contentType: string) {
  const parser = createPageParser(limits);
  try {
    const deadline = AbortSignal.timeout(totalDeadlineMs);
    const request = { bytes: file.bytes, contentType, url: 'https://document.invalid/' };
    const page = await parser.parse(request, deadline);
    const isCut = file.size > file.bytes.byteLength;
    if (isCut && needsWhole.has(page.kind)) throw tooLarge();
    return { ...page, truncated: page.truncated || isCut };
  } catch (error) {
    if (error instanceof AppError && file.size > file.bytes.byteLength) throw tooLarge();
    throw error;
  } finally {
    parser.close();
  }
}

function tooLarge(): AppError {
  return new AppError('Tool.Failed', { what: `the file is larger than ${maxFileBytes} bytes` });
}

async function loadFile(path: string): Promise<LoadedFile> {
  let handle: FileHandle | undefined;
  try {
    // A pipe without a writer would wait for one.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat();
    if (!status.isFile()) throw new AppError('Input.Invalid', { field: 'FILE', what: 'it is no regular file' });
    const bytes = new Uint8Array(Math.min(status.size, maxFileBytes));
    let filled = 0;
    for (;;) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.byteLength - filled, filled);
      filled += bytesRead;
      if (bytesRead === 0 || filled === bytes.byteLength) break;
    }
    return { bytes: bytes.subarray(0, filled), size: status.size };
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new AppError(code === 'ENOENT' ? 'Input.NotFound' : 'Input.Invalid', {
      field: 'FILE',
      what: `the file cannot be opened (${code})`,
      cause: error,
    });
  } finally {
    await handle?.close();
  }
}

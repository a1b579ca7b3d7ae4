import { spawn, spawnSync } from 'node:child_process';

import { AppError } from '../../../domain/errors.ts';
import { finish } from '../reading/read-document.ts';
import { maxPdfPages, toPdfText, toPdfTitle } from '../reading/pdf/read-pdf.ts';
import type { ParsedPage } from './page-parser-protocol.ts';

const maxOutputBytes = 16_000_000;
const limits = ['--as=805306368', '--cpu=30', '--fsize=0', '--core=0', '--nofile=64'];

let found: boolean | undefined;

/** Is poppler there, and `prlimit` to bound it? Looked for once, on the PATH of this process. */
export function hasPdfTool(): boolean {
  found ??= ['pdftotext', 'pdfinfo', 'prlimit'].every((name) => {
    const { error } = spawnSync(name, name === 'prlimit' ? ['--version'] : ['-v'], { stdio: 'ignore' });
    return error === undefined;
  });
  return found;
}

/**
 * Reads a PDF with poppler, in processes of their own: bounded memory and time, no environment, the file on standard input, nothing
 * written. Null when it finds no text, so that another reader may try.
 *
 * @throws AppError `Tool.Failed` when the PDF is encrypted; the signal's reason when it is aborted
 */
export async function readPdfWithTool(bytes: Uint8Array, signal: AbortSignal): Promise<ParsedPage | null> {
  const info = await runTool(['pdfinfo', '-enc', 'UTF-8', '-'], { bytes, signal });
  if (/incorrect password/i.test(info.errors)) {
    throw new AppError('Tool.Failed', { field: 'url', what: 'the PDF is encrypted', mend: 'Try another source.' });
  }
  const { output } = await runTool(['pdftotext', '-q', '-enc', 'UTF-8', '-l', String(maxPdfPages), '-', '-'], {
    bytes,
    signal,
  });
  const markdown = toPdfText(output.split('\f'));
  if (markdown === '') return null;
  const pages = Number(/^Pages:\s+(\d+)/m.exec(info.output)?.[1] ?? 0);
  return {
    ...finish({
      kind: 'pdf',
      mediaType: 'application/pdf',
      title: toPdfTitle(/^Title:\s+(.+)$/m.exec(info.output)?.[1]),
      markdown,
      links: [],
      truncated: pages > maxPdfPages || output.length >= maxOutputBytes,
    }),
    links: [],
  };
}

interface ToolInput {
  readonly bytes: Uint8Array;
  readonly signal: AbortSignal;
}

/** Runs one tool to its end; output beyond the limit is dropped. A tool that fails has simply said less. */
function runTool(
  command: readonly string[],
  { bytes, signal }: ToolInput,
): Promise<{ output: string; errors: string }> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn('prlimit', [...limits, '--', ...command], {
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let errors = '';
    const stop = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', stop, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      if (size < maxOutputBytes) chunks.push(chunk);
      else stop();
      size += chunk.length;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (errors.length < 2000) errors += chunk.toString();
    });
    // A tool that ends before it has read everything closes the pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(bytes);
    child.once('error', reject);
    child.once('close', () => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      else resolve({ output: Buffer.concat(chunks).toString('utf8'), errors });
    });
  });
}

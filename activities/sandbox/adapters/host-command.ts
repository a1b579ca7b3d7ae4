import { execFile } from 'node:child_process';
import { AppError } from '../../../domain/errors.ts';

/**
 * Runs a small tool of the host (cp, rm, du, mkfifo) without an environment and without a shell.
 *
 * *Contract:* resolves with standard output; an abort kills the tool.
 * @throws AppError `Storage.Full` when the disk is full, `Sandbox.Unavailable` for any other failure.
 */
export async function runHostCommand(command: readonly string[], signal?: AbortSignal): Promise<string> {
  const [file = '', ...rest] = command;
  const options = { env: {}, cwd: '/', maxBuffer: 1 << 20, ...(signal === undefined ? {} : { signal }) };
  return new Promise((resolve, reject) => {
    execFile(file, rest, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (signal?.aborted === true) reject(error);
      else reject(toHostError(file, stderr || error.message));
    });
  });
}

/** Turns a failure of the host's disk or tools into the failure that the step's table knows. */
export function toHostError(doing: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (/ENOSPC|EDQUOT|No space left|quota exceeded/i.test(text)) {
    return new AppError('Storage.Full', { what: `the sandbox host has no disk left (${doing})`, mend: 'Free some.' });
  }
  const firstLine = text.split('\n', 1)[0]?.slice(0, 300) ?? '';
  return new AppError('Sandbox.Unavailable', { what: `${doing}: ${firstLine}` });
}

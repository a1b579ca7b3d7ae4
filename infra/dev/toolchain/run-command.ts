import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How many characters of a command's output are kept for the message when it fails. */
const TAIL_CHARACTERS = 4_000;

export interface RunCommandOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Called with every line of standard output and standard error. */
  readonly onLine?: (line: string) => void;
  /** Wall limit in milliseconds; the command gets SIGKILL at its end. Absent: none. */
  readonly timeoutMs?: number;
  /** Run as this user and group; needs root. Absent: the caller's. */
  readonly userId?: number;
}

export interface RunCommandResult {
  readonly ok: boolean;
  /** The end of standard output and standard error, trimmed. */
  readonly output: string;
  /** Why it failed, in a few words; empty when it did not. */
  readonly reason: string;
}

/** Runs a command to its end. *Contract:* never throws; a command that cannot be started is a result that is not ok. */
export async function runCommand(options: RunCommandOptions): Promise<RunCommandResult> {
  const child = spawn(options.command, options.args, {
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: 'SIGKILL' }),
    ...(options.userId === undefined ? {} : { uid: options.userId, gid: options.userId }),
  });
  let tail = '';
  const take = (line: string): void => {
    tail = `${tail}${line}\n`.slice(-TAIL_CHARACTERS);
    options.onLine?.(line);
  };
  createInterface({ input: child.stdout }).on('line', take);
  createInterface({ input: child.stderr }).on('line', take);
  const endWithUs = (): void => void child.kill();
  process.once('exit', endWithUs);
  const reason = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(toReason(code, signal)));
  });
  process.removeListener('exit', endWithUs);
  return { ok: reason === '', output: tail.trim(), reason };
}

function toReason(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `ended by ${signal}`;
  return code === 0 ? '' : `exit code ${String(code)}`;
}

import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { AppError } from '../../../domain/errors.ts';

/** How long a server may take to end by itself before it is killed. */
const STOP_MS = 10_000;
const TAIL_LINES = 15;

/**
 * Ends the process of the first argument when standard input closes without a word, which is what happens when the
 * process that holds the other end dies, however it dies.
 */
const guardScript = `
if read -r word; then exit 0; fi
kill -TERM "$1" 2>/dev/null || exit 0
i=0
while [ "$i" -lt 50 ] && kill -0 "$1" 2>/dev/null; do sleep 0.1; i=$((i + 1)); done
kill -KILL "$1" 2>/dev/null
exit 0`;

/** A server in its own process group, that lives no longer than this process. */
export interface OwnedProcess {
  readonly pid: number;
  /** Its exit code; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Asks it to end, waits, and kills it when it does not. *Contract:* idempotent; done when it is gone. */
  readonly stop: () => Promise<void>;
  /** SIGKILL, at once. */
  readonly kill: () => void;
}

export interface OwnedProcessOptions {
  /** What it is, for messages. */
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Takes its standard output and error, appended. */
  readonly logFile: string;
}

/**
 * Starts a server that Ctrl-C in the terminal does not reach, and that still ends when this process does.
 *
 * @throws AppError `Engine.Unavailable` when it cannot be started.
 */
export async function startOwnedProcess(options: OwnedProcessOptions): Promise<OwnedProcess> {
  const log = await open(options.logFile, 'a');
  const child = spawn(options.command, options.args, {
    env: options.env,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  // Listened to from the start: a server may end before it is first looked at.
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const failure = await new Promise<Error | null>((resolve) => {
    child.once('spawn', () => resolve(null));
    child.once('error', resolve);
  });
  await log.close();
  const { pid } = child;
  if (failure !== null || pid === undefined) {
    throw new AppError('Engine.Unavailable', {
      what: `${options.title} could not be started: ${failure?.message ?? 'no process id'}`,
      cause: failure,
    });
  }
  const dismissGuard = startGuard(pid);
  void exited.then(dismissGuard);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
  };
  return { pid, exited, stop, kill: () => void child.kill('SIGKILL') };
}

/** Polls `isReady` until it is true. @throws AppError `Engine.Unavailable` with the end of the log when the process ends or the time is up. */
export async function waitUntilReady(
  owned: OwnedProcess,
  options: OwnedProcessOptions,
  { isReady, limitMs }: { readonly isReady: () => Promise<boolean>; readonly limitMs: number },
): Promise<void> {
  const state: { end: string | null } = { end: null };
  void owned.exited.then((code) => (state.end = `ended with ${code === null ? 'a signal' : `exit code ${code}`}`));
  const deadline = performance.now() + limitMs;
  while (!(await isReady())) {
    if (state.end === null && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    const how = state.end ?? `did not answer within ${limitMs / 1_000} s`;
    await owned.stop();
    throw new AppError('Engine.Unavailable', {
      what: `${options.title} ${how} before it was ready. The end of ${options.logFile}:\n${await readTail(options.logFile)}\n`,
      mend: 'See the log above; a port in use and a database of another server version are the usual causes.',
    });
  }
}

async function readTail(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}

/** Returns the function that dismisses the guard. The guard never keeps this process alive. */
function startGuard(pid: number): () => void {
  const guard = spawn('/bin/sh', ['-c', guardScript, 'longhaul-guard', String(pid)], {
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  // The handle under the stream has unref(); the declared type of a Writable does not say so.
  if ('unref' in guard.stdin && typeof guard.stdin.unref === 'function') guard.stdin.unref();
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  return () => void guard.stdin.end('done\n');
}

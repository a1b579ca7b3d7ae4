import { spawn } from 'node:child_process';
import { AppError } from '../../../domain/errors.ts';
import { onLines, type Report, toReadableLine } from './log-lines.ts';
import type { PartGuard } from './part-guard.ts';

/** How a process of the stack is started. */
export interface PartOptions {
  /** Such as `model`: the prefix of its log lines. */
  readonly name: string;
  /** TypeScript file, with its arguments. */
  readonly args: readonly string[];
  /** Everything that the process is told; nothing of ours is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly guard: PartGuard;
  readonly report: Report;
}

/** A process of the stack, in its own process group, so that Ctrl-C in the terminal reaches us alone. */
export interface Part {
  readonly name: string;
  readonly pid: number;
  /** How it ended, in words. */
  readonly exited: Promise<string>;
  /** The last lines of its log. */
  readonly tail: () => readonly string[];
  /** Asks it to end, waits `limitMs`, and kills its whole group when it does not. *Contract:* idempotent. */
  readonly stop: (limitMs: number) => Promise<void>;
  /** SIGKILL to its whole group, at once. */
  readonly kill: () => void;
  /** Settles with the JSON object of the first line of standard output. */
  readonly firstLine: Promise<unknown>;
}

const TAIL_LINES = 12;

/** Starts a part. @throws AppError `Engine.Unavailable` when there is no process. */
export async function startPart(options: PartOptions): Promise<Part> {
  const child = spawn(process.execPath, options.args, {
    env: { ...options.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const failure = await new Promise<Error | null>((resolve) => {
    child.once('spawn', () => resolve(null));
    child.once('error', resolve);
  });
  const { pid } = child;
  if (failure !== null || pid === undefined) {
    throw new AppError('Engine.Unavailable', { what: `${options.name} could not be started: ${String(failure)}` });
  }
  options.guard.watch(pid);
  const tail: string[] = [];
  const take = (line: string): void => {
    const readable = toReadableLine(line);
    tail.push(readable);
    if (tail.length > TAIL_LINES) tail.shift();
    options.report(`${options.name.padEnd(12)} │ ${readable}`);
  };
  onLines(child.stderr, take);
  const firstLine = readFirstLine(child.stdout, take);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      options.guard.forget(pid);
      resolve(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
    });
  });
  // A supervisor that is gone leaves nobody behind in its group.
  const kill = (): void => signalGroup(pid, 'SIGKILL');
  void exited.then(kill);
  const stop = async (limitMs: number): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(kill, limitMs);
    await exited;
    clearTimeout(timer);
  };
  return { name: options.name, pid, exited, tail: () => tail.slice(), stop, kill, firstLine };
}

/** The first line is the part's word that it is ready; whatever follows is log. */
function readFirstLine(stream: NodeJS.ReadableStream, take: Report): Promise<unknown> {
  return new Promise((resolve) => {
    let isFirst = true;
    onLines(stream, (line) => {
      if (!isFirst) return take(line);
      isFirst = false;
      try {
        resolve(JSON.parse(line));
      } catch {
        take(line);
      }
    });
  });
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is empty already.
  }
}

/** Waits until a part is ready. @throws AppError `Engine.Unavailable` with the end of its log when it ends or takes too long. */
export async function waitForPart<T>(part: Part, ready: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`did not get ready within ${limitMs / 1_000} s`), limitMs);
  });
  try {
    const failed = Promise.race([part.exited, late]).then((how): never => {
      throw new AppError('Engine.Unavailable', {
        what: `${part.name} ${how}. The end of its log:\n${part
          .tail()
          .map((line) => `  ${line}`)
          .join('\n')}\n`,
        mend: 'npm run doctor checks what is needed.',
      });
    });
    return await Promise.race([ready, failed]);
  } finally {
    clearTimeout(timer);
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync } from 'node:fs';
import { chown, open, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { RuntimeStart } from './box-runtime.ts';
import { type BoundedOutput, createBoundedOutput } from './bounded-output.ts';
import { runHostCommand } from './host-command.ts';

/** One start of a box. */
export interface BoxStart extends RuntimeStart {
  /** Private directory for the pipes. */
  readonly jobPath: string;
  /** Host uid of the box, or null for the worker's own. */
  readonly uid: number | null;
  readonly timeoutMs: number;
  readonly outputCodePoints: number;
  readonly signal: AbortSignal;
  /** Kills everything in the box; called at the end of every job, once more when it is cut short. */
  readonly killAll: () => Promise<void>;
  /** Called once a second, never twice at once; a text ends the job and says why. */
  readonly watch: () => Promise<string | null>;
}

/** How a box ended. */
export interface BoxEnd {
  /** Null when the box never began its job, or was killed before it ended. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly cut: 'timeout' | 'aborted' | 'watch' | null;
  /** What `watch` said. */
  readonly reason: string | null;
}

/**
 * Runs a box to its end.
 *
 * *Contract:* when it settles, no process of the box lives. Never waits for more than the limit plus the killing.
 */
export async function runBox(start: BoxStart): Promise<BoxEnd> {
  const [stdout, stderr] = await openPipes(start);
  const filter = start.filterPath === null ? null : await open(start.filterPath, constants.O_RDONLY);
  const child = spawn(start.command[0] ?? '', start.command.slice(1), {
    env: {},
    cwd: '/',
    // Not in the terminal's process group: Ctrl-C is the worker's to handle.
    detached: true,
    stdio: ['ignore', stdout.writeEnd.fd, stderr.writeEnd.fd, 'pipe', filter?.fd ?? 'ignore'],
  });
  const exited = once(child, 'exit');
  const status = readStatus(child);
  await Promise.all([stdout.writeEnd.close(), stderr.writeEnd.close(), filter?.close()]);
  const cutter = startCutter(start, { child, status });
  try {
    await exited;
  } finally {
    cutter.stop();
    await start.killAll();
  }
  // With every writer dead the pipes end by themselves.
  await Promise.all([stdout.closed, stderr.closed]);
  await status.closed;
  const code = start.exitOf === 'status' ? status.exitCode() : start.exitOf(child.exitCode);
  const { cut, reason } = cutter.state();
  return {
    exitCode: cut === null ? code : null,
    stdout: stdout.output.text(),
    stderr: stderr.output.text(),
    cut,
    reason,
  };
}

interface Pipe {
  readonly writeEnd: { readonly fd: number; readonly close: () => Promise<void> };
  readonly output: BoundedOutput;
  /** Resolves when the pipe has ended or failed. */
  readonly closed: Promise<void>;
}

/** What a pipe holds at most. Source: pipe(7). */
const pipeBytes = 65_536;

/** Real pipes, as Node's own are sockets, through which `> /dev/stderr` does not work. */
async function openPipes(start: BoxStart): Promise<[Pipe, Pipe]> {
  const paths = [join(start.jobPath, 'stdout'), join(start.jobPath, 'stderr')] as const;
  await runHostCommand(['/usr/bin/mkfifo', '-m', '600', '--', ...paths]);
  return [await openPipe(paths[0], start), await openPipe(paths[1], start)];
}

async function openPipe(path: string, { uid, outputCodePoints }: BoxStart): Promise<Pipe> {
  if (uid !== null) await chown(path, uid, uid);
  // Never blocks, and gives a bare descriptor, which the socket closes at its end.
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const output = createBoundedOutput(outputCodePoints);
  // One buffer for all that comes: a flood would otherwise leave memory behind faster than it is collected.
  const buffer = Buffer.allocUnsafe(pipeBytes);
  const callback = (count: number): boolean => {
    output.write(buffer.subarray(0, count));
    return true;
  };
  const socket = new Socket({ fd: readEnd, readable: true, writable: false, onread: { buffer, callback } });
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.once('error', () => resolve());
  });
  const writeEnd = await open(path, constants.O_WRONLY);
  await rm(path);
  return { writeEnd, output, closed };
}

/** What bwrap says of the box, on a descriptor that the box does not have. */
interface BoxStatus {
  /** Host pid of the box's process 1, once it is there. */
  readonly childPid: () => number | null;
  /** Null when the job never began: a failing launch is not a failing job. */
  readonly exitCode: () => number | null;
  readonly closed: Promise<void>;
}

function readStatus(child: ChildProcess): BoxStatus {
  let text = '';
  const find = (pattern: RegExp): number | null => {
    const digits = pattern.exec(text)?.[1];
    return digits === undefined ? null : Number(digits);
  };
  const stream = child.stdio[3];
  const closed = new Promise<void>((resolve) => {
    if (!(stream instanceof Socket)) return resolve();
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    stream.once('error', () => resolve());
    stream.once('close', () => resolve());
  });
  return {
    childPid: () => find(/"child-pid"\s*:\s*([0-9]+)/),
    exitCode: () => find(/"exit-code"\s*:\s*([0-9]+)/),
    closed,
  };
}

interface Cutter {
  readonly stop: () => void;
  readonly state: () => Pick<BoxEnd, 'cut' | 'reason'>;
}

/** Ends the job early: wall limit, abort, or a rule that `watch` found broken. The first one counts. */
function startCutter(start: BoxStart, box: { child: ChildProcess; status: BoxStatus }): Cutter {
  let state: Pick<BoxEnd, 'cut' | 'reason'> = { cut: null, reason: null };
  let force: NodeJS.Timeout | undefined;
  const end = (cut: BoxEnd['cut'], reason: string | null = null): void => {
    if (state.cut !== null) return;
    state = { cut, reason };
    killInside(box.status);
    force = setTimeout(() => {
      box.child.kill('SIGKILL');
      // What refuses to die is named by the same call after the exit.
      start.killAll().catch(() => undefined);
    }, 250);
  };
  const onAbort = (): void => end('aborted');
  let isWatching = false;
  const onTick = async (): Promise<void> => {
    if (isWatching) return;
    isWatching = true;
    // A look that fails says nothing; the rule is checked again after the job.
    const reason = await start.watch().catch(() => null);
    isWatching = false;
    if (reason !== null) end('watch', reason);
  };
  const limit = setTimeout(() => end('timeout'), start.timeoutMs);
  const ticks = setInterval(() => void onTick(), 1000);
  start.signal.addEventListener('abort', onAbort, { once: true });
  if (start.signal.aborted) onAbort();
  return {
    stop: () => {
      clearTimeout(limit);
      clearTimeout(force);
      clearInterval(ticks);
      start.signal.removeEventListener('abort', onAbort);
    },
    state: () => state,
  };
}

/** Process 1 of the box takes the rest with it, and bwrap lives to reap it: killed first, bwrap would leave a zombie. */
function killInside(status: BoxStatus): void {
  const pid = status.childPid();
  if (pid === null) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended by itself.
  }
}

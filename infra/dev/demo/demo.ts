import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiClient } from '../../../cli/api-client.ts';
import type { Run } from '../../../cli/api-schemas.ts';
import { exitCodes } from '../../../cli/exit-codes.ts';
import type { Terminal } from '../../../cli/terminal.ts';
import { AppError } from '../../../domain/errors.ts';
import { demoQuestion } from '../corpus/demo-question.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { loadStackEnv } from '../stack/stack-config.ts';
import { toOpening, toClosing } from './demo-lines.ts';
import { type DemoResult, judge } from './judge.ts';
import { interruptOnce } from './interrupt.ts';
import { openRecords } from './records.ts';
import { watchDemoRun } from './watch-run.ts';

/** What `longhaul demo` was told. */
export interface DemoOptions {
  readonly question?: string;
  readonly corpus?: string;
  readonly json?: boolean;
  readonly keep?: boolean;
}

/** The stand-in takes its time for a reply, so that a call can be met in the middle. */
const standInDelayMs = 700;
/** How many log lines of the parts are shown when something went wrong. */
const LOG_LINES = 60;

type Say = (line: string) => void;

/**
 * Starts a stack of its own, asks a question, kills the model worker during a call, and shows that nothing was lost or paid twice.
 *
 * Returns the exit code: 0, or 1 when a bound is broken; with a real model any honest outcome is 0.
 */
export async function runDemo(terminal: Terminal, options: DemoOptions): Promise<number> {
  const say = options.json === true ? terminal.tell : terminal.print;
  const { LONGHAUL_DATA_DIR: parent } = loadStackEnv(terminal.env);
  const name = `demo-${new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14)}-${process.pid}`;
  const dataDirectory = join(parent, name);
  const stop = createStop(terminal);
  try {
    say('Longhaul demo: a real Temporal server, five worker pools and the API, each a process of this machine');
    const result = await runInStack({ terminal, options, name, dataDirectory, say, stop });
    for (const line of toClosing(result)) say(line);
    if (options.json === true) terminal.print(JSON.stringify(result));
    return result.ok ? exitCodes.ok : exitCodes.other;
  } catch (error) {
    if (stop.signal.aborted) return exitCodes.cancelled;
    throw error;
  } finally {
    if (options.keep === true) {
      say(`kept: ${dataDirectory}`);
      say(
        `to look at it again: LONGHAUL_DATA_DIR=${dataDirectory} npm run dev, then longhaul list, show, render, replay`,
      );
    } else await rm(dataDirectory, { recursive: true, force: true });
    stop.release();
  }
}

interface DemoRoom {
  readonly terminal: Terminal;
  readonly options: DemoOptions;
  /** Of the demo: also the prefix of its task queues. */
  readonly name: string;
  readonly dataDirectory: string;
  readonly say: Say;
  readonly stop: Stop;
}

/** The whole play in a stack of its own; nothing of it is left when this returns or throws. */
async function runInStack(room: DemoRoom): Promise<DemoResult> {
  const { terminal, options, name, dataDirectory, say, stop } = room;
  const logs: string[] = [];
  const stack = await startStack({
    // A demo never touches what is recorded elsewhere: store and task queues are its own.
    env: { ...terminal.env, LONGHAUL_STORE: undefined, LONGHAUL_QUEUE_PREFIX: `${name}-` },
    dataDirectory,
    ports: 'free',
    ui: false,
    ...(options.corpus === undefined ? {} : { corpus: options.corpus }),
    builtInCorpus: options.question === undefined,
    standInDelayMs,
    signal: stop.signal,
    log: (line) => keepLast(logs, line),
    report: (line) => say(`  ${line}`),
  });
  try {
    const result = await Promise.race([play(room, stack), stop.asked, toBroken(stack)]);
    if (!result.ok) for (const line of logs) terminal.tell(line);
    return result;
  } catch (error) {
    if (!stop.signal.aborted) for (const line of logs) terminal.tell(line);
    throw error;
  } finally {
    await stack.stop();
  }
}

/** A part that ends unasked ends the demo. @throws AppError `Engine.Unavailable` */
async function toBroken(stack: Stack): Promise<never> {
  throw new AppError('Engine.Unavailable', { what: await stack.broken, mend: 'The log above says why.' });
}

function keepLast(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > LOG_LINES) lines.shift();
}

interface Stop {
  /** Rejects at the first Ctrl-C. */
  readonly asked: Promise<never>;
  readonly signal: AbortSignal;
  readonly release: () => void;
}

/** Ctrl-C ends the demo, and everything that it started; a second one does not wait. */
function createStop(terminal: Terminal): Stop {
  const asked = Promise.withResolvers<never>();
  asked.promise.catch(() => {});
  const controller = new AbortController();
  const release = terminal.onInterrupt(() => {
    if (controller.signal.aborted) process.exit(exitCodes.cancelled);
    terminal.tell('ending the demo');
    controller.abort();
    asked.reject(new AppError('Run.Cancelled', { what: 'Ctrl-C ended the demo' }));
  });
  return { asked: asked.promise, signal: controller.signal, release };
}

async function play({ options, say, stop }: DemoRoom, stack: Stack): Promise<DemoResult> {
  const question = options.question ?? demoQuestion;
  const client = createApiClient(stack.urls.api);
  const submitted = await client.submit({ input: question }, null);
  for (const line of toOpening(stack, question, submitted.id)) say(line);
  const records = await openRecords(stack, submitted.id);
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, stop.signal]);
  const watching = watchDemoRun({ client, id: submitted.id, signal, say }).finally(() => over.abort());
  const interrupting = interruptOnce({ stack, client, runId: submitted.id, records, signal, say });
  const [, interruption] = await Promise.all([watching, interrupting]);
  const run: Run = await client.read(submitted.id);
  if (interruption === null) say('the run ended before there was a call to interrupt: nothing was killed');
  const isOwnQuestion = stack.standIn && options.question === undefined && options.corpus === undefined;
  return judge({ stack, run, records, interruption, isOwnQuestion });
}

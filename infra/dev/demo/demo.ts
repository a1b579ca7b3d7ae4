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

/**
 * Starts a stack of its own, asks a question, kills the model worker during a call, and shows that nothing was lost or paid twice.
 *
 * Returns the exit code: 0, or 1 when a bound is broken; with a real model any honest outcome is 0.
 */
export async function runDemo(terminal: Terminal, options: DemoOptions): Promise<number> {
  const say = options.json === true ? terminal.tell : terminal.print;
  const env = loadStackEnv(terminal.env);
  const stamp = new Date().toISOString().replaceAll(/[-:T]/g, '').slice(0, 14);
  const dataDirectory = join(env.LONGHAUL_DATA_DIR, `demo-${stamp}-${process.pid}`);
  const logs: string[] = [];
  const stop = createStop(terminal);
  let stack: Stack | null = null;
  let finished = false;
  try {
    say('Longhaul demo: a real Temporal server, five worker pools and the API, each a process of this machine');
    stack = await Promise.race([
      startStack({
        // A demo never touches what is recorded elsewhere: store and prefix are its own.
        env: { ...terminal.env, LONGHAUL_STORE: undefined, LONGHAUL_QUEUE_PREFIX: `demo-${stamp}-${process.pid}-` },
        dataDirectory,
        ports: 'free',
        ui: false,
        ...(options.corpus === undefined ? {} : { corpus: options.corpus }),
        builtInCorpus: options.question === undefined,
        standInDelayMs,
        log: (line) => keepLast(logs, line),
        report: (line) => say(`  ${line}`),
      }),
      stop.asked,
    ]);
    const result = await Promise.race([play(stack, options.question ?? demoQuestion, say), stop.asked]);
    for (const line of toClosing(result)) say(line);
    if (options.json === true) terminal.print(JSON.stringify(result));
    finished = result.ok;
    return result.ok ? exitCodes.ok : exitCodes.other;
  } finally {
    // A stack that did not start has told its log in its error.
    if (!finished && stack !== null && !stop.wasAsked()) for (const line of logs) terminal.tell(line);
    await stack?.stop();
    if (options.keep === true) say(`kept: ${dataDirectory}`);
    else await rm(dataDirectory, { recursive: true, force: true });
    stop.release();
  }
}

function keepLast(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > LOG_LINES) lines.shift();
}

/** Ctrl-C ends the demo, and everything that it started; a second one does not wait. */
function createStop(terminal: Terminal) {
  const asked = Promise.withResolvers<never>();
  asked.promise.catch(() => {});
  let count = 0;
  const release = terminal.onInterrupt(() => {
    count += 1;
    if (count > 1) process.exit(exitCodes.cancelled);
    terminal.tell('ending the demo');
    asked.reject(new AppError('Run.Cancelled', { what: 'Ctrl-C ended the demo' }));
  });
  return { asked: asked.promise, wasAsked: () => count > 0, release };
}

async function play(stack: Stack, question: string, say: (line: string) => void): Promise<DemoResult> {
  const client = createApiClient(stack.urls.api);
  const submitted = await client.submit({ input: question }, null);
  for (const line of toOpening(stack, question, submitted.id)) say(line);
  const records = await openRecords(stack, submitted.id);
  const over = new AbortController();
  const interruption = interruptOnce({ stack, client, runId: submitted.id, records, signal: over.signal, say });
  await watchDemoRun({ client, id: submitted.id, signal: over.signal, say });
  over.abort();
  const run: Run = await client.read(submitted.id);
  return judge({ stack, run, records, interruption: await interruption });
}

import { exitCodes } from '../../../cli/exit-codes.ts';
import type { Terminal } from '../../../cli/terminal.ts';
import { readDevState } from '../../../cli/dev-state.ts';
import { AppError } from '../../../domain/errors.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { loadStackEnv } from '../stack/stack-config.ts';
import { toPartTable } from './part-table.ts';

/** What `longhaul dev` was told. */
export interface DevOptions {
  readonly corpus?: string;
}

/**
 * Keeps the whole stack up until Ctrl-C, which drains it; a second one kills.
 *
 * Returns the exit code: 0 after Ctrl-C, 1 when a part ended that nobody asked to end.
 * @throws AppError `Config.Invalid` when a port is in use, a variable is wrong, or a stack runs over the same data already
 */
export async function runDev(terminal: Terminal, options: DevOptions): Promise<number> {
  const { LONGHAUL_DATA_DIR: dataDirectory } = loadStackEnv(terminal.env);
  requireNoOther(dataDirectory);
  const interrupts = createInterrupts(terminal);
  try {
    const stack = await startStack({
      env: terminal.env,
      dataDirectory,
      ports: 'fixed',
      ui: true,
      ...options,
      signal: interrupts.signal,
      log: terminal.print,
      report: (line) => terminal.print(`${'dev'.padEnd(12)} │ ${line}`),
    });
    return await hold(stack, terminal, interrupts);
  } catch (error) {
    if (interrupts.signal.aborted) return exitCodes.ok;
    throw error;
  } finally {
    interrupts.release();
  }
}

interface Interrupts {
  /** Aborts at the first Ctrl-C. */
  readonly signal: AbortSignal;
  readonly first: Promise<void>;
  readonly release: () => void;
  /** What a second Ctrl-C does. */
  kill: () => void;
}

function createInterrupts(terminal: Terminal): Interrupts {
  const first = Promise.withResolvers<void>();
  const controller = new AbortController();
  const interrupts: Interrupts = {
    signal: controller.signal,
    first: first.promise,
    kill: () => process.exit(exitCodes.other),
    release: terminal.onInterrupt(() => {
      if (controller.signal.aborted) return interrupts.kill();
      terminal.print('ending: steps in flight get a moment to finish; Ctrl-C again kills');
      controller.abort();
      first.resolve();
    }),
  };
  return interrupts;
}

async function hold(stack: Stack, terminal: Terminal, interrupts: Interrupts): Promise<number> {
  interrupts.kill = () => {
    stack.kill();
    process.exit(exitCodes.other);
  };
  for (const line of await toPartTable(stack)) terminal.print(line);
  const broken = await Promise.race([interrupts.first.then(() => null), stack.broken]);
  if (broken !== null) terminal.tell(`${broken}: ending everything`);
  await stack.stop();
  terminal.print(`all parts have ended; what is recorded stays in ${stack.dataDirectory}`);
  return broken === null ? exitCodes.ok : exitCodes.other;
}

function requireNoOther(dataDirectory: string): void {
  const other = readDevState(dataDirectory);
  if (other === null) return;
  throw new AppError('Config.Invalid', {
    what: `a stack runs over ${dataDirectory} already, in process ${other.pid}, with its API at ${other.api}`,
    mend: `Use it, or end it (kill ${other.pid}), or start with LONGHAUL_DATA_DIR=<another folder> and other ports.`,
  });
}

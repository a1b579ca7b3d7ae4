import { randomUUID } from 'node:crypto';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import type { HoldOptions } from './hold.ts';
import { type BudgetOptions, toBudget } from './research.ts';
import { watchRun } from './watch.ts';

/** The flags of `fork`. */
export interface ForkOptions extends HoldOptions, BudgetOptions {
  readonly step: number;
  readonly profile?: string;
  readonly message?: string;
  readonly watch: boolean;
}

/** Makes a new run that shares the steps before one of another run, prints its id first, and watches it. */
export async function forkRun(context: CommandContext, id: string, options: ForkOptions): Promise<number> {
  const { step, profile, message, reason } = options;
  const budget = toBudget(options);
  const overrides = {
    ...(profile === undefined ? {} : { profile }),
    ...(message === undefined ? {} : { message }),
    ...(budget === null ? {} : { budget }),
  };
  const body = {
    by: options.by ?? context.terminal.env['USER'] ?? 'cli',
    ...(reason === undefined ? {} : { reason }),
    from_step: step,
    overrides,
  };
  const key = options.idempotencyKey ?? randomUUID();
  const run = await context.client.hold(id, { path: 'fork', body, key });
  if (context.json) context.terminal.tell(run.id);
  else context.terminal.print(run.id);
  if (options.watch) return watchRun(context, { id: run.id, after: null, jsonEvents: false, check: false });
  if (context.json) context.printJson(run);
  return exitCodes.ok;
}

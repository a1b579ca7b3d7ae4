import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '../../domain/errors.ts';
import type { Run } from '../api-schemas.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { toSafeLine } from '../safe-text.ts';
import { toWaitLine } from './watch.ts';

/** The flags of every command that takes hold of a run. */
export interface HoldOptions {
  readonly by?: string;
  readonly reason?: string;
  readonly idempotencyKey?: string;
}

/** A verb of the door on a run or a step, and what it takes beside who and why. */
export interface HoldVerb {
  /** Path below the run, such as `pause` or `steps/7/skip`. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Takes hold of a run, and says how it stands then. A refusal is an error in the run's own words. */
export async function holdRun(
  context: CommandContext,
  id: string,
  { path, body = {}, ...options }: HoldVerb & HoldOptions,
): Promise<number> {
  // A key of our own makes a hold that is sent twice by the network one hold.
  const key = options.idempotencyKey ?? randomUUID();
  const by = options.by ?? context.terminal.env['USER'] ?? 'cli';
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  return tell(context, await context.client.hold(id, { path, body: { by, ...reason, ...body }, key }));
}

function tell(context: CommandContext, run: Run): number {
  if (context.json) context.printJson(run);
  else {
    const wait = toWaitLine(run);
    context.terminal.print(`${toSafeLine(run.id)}  ${toSafeLine(run.status)}${wait === null ? '' : `  ${wait}`}`);
  }
  return exitCodes.ok;
}

function invalid(what: string): AppError {
  return new AppError('Input.Invalid', {
    field: 'arguments',
    what,
    mend: 'Give one JSON object, or @FILE with one in it.',
  });
}

/** The arguments of an edited call: JSON on the command line, or in a file named after `@`. @throws AppError `Input.Invalid` */
export function parseCallArguments(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text);
  } catch (error) {
    throw invalid(`the arguments cannot be read (${error instanceof Error ? error.message : ''})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('the arguments are no JSON object');
  return Object.fromEntries(Object.entries(value));
}

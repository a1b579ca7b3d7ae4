import { randomUUID } from 'node:crypto';
import type { Submission } from '../api-client.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { watchRun } from './watch.ts';

/** Limits on the command line. */
export interface BudgetOptions {
  readonly maxTurns?: number;
  readonly maxToolCalls?: number;
  readonly maxTokens?: number;
  readonly maxCostUsd?: number;
  readonly maxWallSeconds?: number;
  readonly onExceed?: string;
}

/** The flags of `research`. */
export interface ResearchOptions extends BudgetOptions {
  readonly profile?: string;
  readonly onStepFailure?: string;
  readonly idempotencyKey?: string;
  readonly watch: boolean;
}

/** Submits a question, prints the run's id first, and watches it. */
export async function research(context: CommandContext, question: string, options: ResearchOptions): Promise<number> {
  // A key of our own makes a submit that is sent twice by the network one run.
  const key = options.idempotencyKey ?? randomUUID();
  const run = await context.client.submit(toSubmission(question, options), key);
  if (context.json) context.terminal.tell(run.id);
  else context.terminal.print(run.id);
  if (!options.watch) {
    if (context.json) context.printJson(run);
    return exitCodes.ok;
  }
  return watchRun(context, { id: run.id, after: null, jsonEvents: false, check: false });
}

/** The limits that were given, as the API takes them; null for none. */
export function toBudget(options: BudgetOptions): Record<string, number | string> | null {
  const limits: Readonly<Record<string, number | string | undefined>> = {
    max_turns: options.maxTurns,
    max_tool_calls: options.maxToolCalls,
    max_tokens: options.maxTokens,
    max_cost_usd: options.maxCostUsd,
    max_wall_seconds: options.maxWallSeconds,
    on_exceed: options.onExceed,
  };
  const budget = Object.fromEntries(
    Object.entries(limits).filter((entry): entry is [string, number | string] => entry[1] !== undefined),
  );
  return Object.keys(budget).length === 0 ? null : budget;
}

function toSubmission(question: string, options: ResearchOptions): Submission {
  const { profile, onStepFailure } = options;
  const budget = toBudget(options);
  return {
    input: question,
    ...(profile === undefined ? {} : { profile }),
    ...(budget === null ? {} : { budget }),
    ...(onStepFailure === undefined ? {} : { on_step_failure: onStepFailure }),
  };
}

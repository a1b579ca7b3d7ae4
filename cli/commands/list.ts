import type { ListedRun } from '../api-schemas.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatCost } from '../run-lines.ts';
import { toSafeLine } from '../safe-text.ts';

/** The flags of `list`. */
export interface ListOptions {
  readonly limit?: number;
  readonly after?: string;
  readonly status?: string;
}

const maxQuestionChars = 60;

/** One page of runs, newest first. */
export async function listRuns(context: CommandContext, options: ListOptions): Promise<number> {
  const page = await context.client.list({
    ...(options.limit === undefined ? {} : { limit: String(options.limit) }),
    ...(options.after === undefined ? {} : { after: options.after }),
    ...(options.status === undefined ? {} : { status: options.status }),
  });
  if (context.json) {
    context.printJson(page);
    return exitCodes.ok;
  }
  if (page.data.length === 0) context.terminal.print('no runs');
  for (const run of page.data) context.terminal.print(toLine(run));
  if (page.has_more && page.last_id !== null) context.terminal.print(`more: longhaul list --after ${page.last_id}`);
  return exitCodes.ok;
}

function toLine(run: ListedRun): string {
  const at = (run.created_at ?? '').slice(0, 19).replace('T', ' ').padEnd(19);
  const state = (run.outcome ?? run.status).padEnd(16);
  const cost = formatCost(run.cost_usd).padStart(12);
  const question = Array.from(toSafeLine(run.input ?? ''));
  const shown =
    question.length > maxQuestionChars ? `${question.slice(0, maxQuestionChars - 1).join('')}…` : question.join('');
  const wait = run.waiting_for === null ? '' : `  [${toSafeLine(run.waiting_for)}]`;
  return `${toSafeLine(run.id)}  ${at}  ${toSafeLine(state)}  ${cost}  ${shown}${wait}`;
}

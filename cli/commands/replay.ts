import { AppError } from '../../domain/errors.ts';
import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatCount } from '../run-lines.ts';
import { toSafeLine } from '../safe-text.ts';

/** The flags of `replay`. */
export interface ReplayOptions {
  readonly all?: boolean;
  /** ISO date or time; runs that were submitted before it are left out. */
  readonly since?: string;
}

/** How the replay of one run ended. */
interface Replayed {
  readonly id: string;
  readonly executions: number;
  readonly events: number;
  /** The first execution, from 0, that today's code would not have made, and where; null when all fit. */
  readonly divergence: { readonly execution: number; readonly message: string } | null;
}

/**
 * Executes the engine's histories of runs once more through today's workflow code: nothing is called, nothing is written.
 *
 * Exit code 1 when one of them diverges.
 */
export async function replayRuns(
  context: CommandContext,
  ids: readonly string[],
  options: ReplayOptions,
): Promise<number> {
  if (ids.length > 0 === (options.all === true)) {
    throw new AppError('Input.Invalid', {
      field: 'run',
      what: 'name runs to replay, or give --all',
      mend: 'longhaul list shows the runs.',
    });
  }
  // The engine's replayer takes a while to load; no other command needs it.
  const { createReplayer } = await import('../../workers/replay.ts');
  const replay = await createReplayer();
  const replayed: Replayed[] = [];
  for await (const id of options.all === true ? listIds(context, options.since ?? null) : ids) {
    const result = await replayRun(context, replay, id);
    replayed.push(result);
    context.say(toLine(result));
  }
  const ok = replayed.every(({ divergence }) => divergence === null);
  if (context.json) context.printJson({ ok, runs: replayed });
  else if (replayed.length !== 1)
    context.say(`${replayed.length} runs replayed, ${ok ? 'no divergence' : 'some diverge'}`);
  return ok ? exitCodes.ok : exitCodes.other;
}

async function replayRun(
  { client }: CommandContext,
  replay: (history: unknown) => Promise<string | null>,
  id: string,
): Promise<Replayed> {
  let executions = 0;
  let events = 0;
  for await (const { history } of client.histories(id)) {
    const message = await replay(history);
    events += history.events.length;
    if (message !== null)
      return { id, executions: executions + 1, events, divergence: { execution: executions, message } };
    executions += 1;
  }
  return { id, executions, events, divergence: null };
}

function toLine({ id, executions, events, divergence }: Replayed): string {
  const size = `${executions} executions, ${formatCount(events)} events`;
  if (divergence === null) return `${toSafeLine(id)}  ${size}: replays`;
  return `${toSafeLine(id)}  ${size}: DIVERGES in execution ${divergence.execution}: ${toSafeLine(divergence.message)}`;
}

/** Every run, newest first, down to `since`. */
async function* listIds({ client }: CommandContext, since: string | null): AsyncGenerator<string> {
  const sinceMs = since === null ? 0 : Date.parse(since);
  if (Number.isNaN(sinceMs)) {
    throw new AppError('Input.Invalid', {
      field: 'since',
      what: `${JSON.stringify(since)} is no date`,
      mend: 'Give one such as 2026-11-01.',
    });
  }
  let after: string | null = null;
  do {
    const page = await client.list({ limit: '100', ...(after === null ? {} : { after }) });
    for (const run of page.data) {
      if (Date.parse(run.created_at ?? '') < sinceMs) return;
      yield run.id;
    }
    after = page.has_more ? page.last_id : null;
  } while (after !== null);
}

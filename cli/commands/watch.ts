import type { Run } from '../api-schemas.ts';
import type { CommandContext } from '../command-context.ts';
import { followEvents } from '../event-stream.ts';
import { exitCodes, toExitCode } from '../exit-codes.ts';
import { stepHeader, toEndLines, toStepLine } from '../run-lines.ts';
import { toSafeLine } from '../safe-text.ts';
import { readNote } from '../step-note.ts';

/** How a run is watched. */
export interface WatchOptions {
  readonly id: string;
  /** Number of the last event that is known; null for all. */
  readonly after: number | null;
  /** With JSON: every event on a line of its own, or the run alone at its end. */
  readonly jsonEvents: boolean;
  /** Ask first whether there is such a run? */
  readonly check: boolean;
}

/**
 * Shows a run to its end; Ctrl-C leaves the run alone and says how to watch it again.
 *
 * Returns the exit code: that of the outcome, or 0 when the person detached.
 */
export async function watchRun(context: CommandContext, options: WatchOptions): Promise<number> {
  const { client, terminal } = context;
  // A run that does not exist, or an API that is not there, is told at once; later ones are waited for.
  if (options.check) await client.read(options.id);
  const detach = new AbortController();
  const release = terminal.onInterrupt(() => detach.abort());
  let last = options.after;
  const isEventOutput = context.json && options.jsonEvents;
  const show = createStepPrinter(context);
  try {
    const events = followEvents({
      open: (after, signal) => client.openEvents(options.id, after, signal),
      after: options.after,
      signal: detach.signal,
      isOver: async () => (await client.read(options.id)).outcome !== null,
      onAway: (reason) =>
        terminal.tell(reason === null ? 'the API is back' : `waiting: ${reason}; trying again (Ctrl-C detaches)`),
    });
    for await (const event of events) {
      last = event.seq;
      if (isEventOutput) context.printJson(event);
      else show(toStepLine(event, await readNote(client, options.id, event)));
    }
    if (detach.signal.aborted) return tellDetached(context, options, last);
    return await showEnd(context, options);
  } finally {
    release();
  }
}

/** Prints lines of steps, under a header before the first. */
function createStepPrinter(context: CommandContext): (line: string | null) => void {
  let headed = false;
  return (line) => {
    if (line === null) return;
    if (!headed) context.say(stepHeader);
    headed = true;
    context.say(line);
  };
}

async function showEnd(context: CommandContext, options: WatchOptions): Promise<number> {
  const run = await context.client.read(options.id);
  if (!(context.json && options.jsonEvents)) {
    if (context.json) context.printJson(run);
    else for (const line of ['', ...toEndLines(run)]) context.terminal.print(line);
  }
  return run.outcome === null ? exitCodes.other : toExitCode(run.outcome);
}

function tellDetached(context: CommandContext, options: WatchOptions, last: number | null): number {
  const { id } = options;
  context.terminal.tell('');
  context.terminal.tell('Detached; the run goes on.');
  context.terminal.tell(`  watch it again:  longhaul events ${id}${last === null ? '' : ` --after ${last}`}`);
  context.terminal.tell(`  see its steps:   longhaul show ${id}`);
  context.terminal.tell(`  end it:          longhaul cancel ${id}`);
  if (context.json && !options.jsonEvents) context.printJson({ id, detached: true });
  return exitCodes.ok;
}

/** What a run that is not done waits for; null when it waits for nothing. */
export function toWaitLine(run: Run): string | null {
  if (run.waitingFor === null) return null;
  const until = run.waitUntil === null ? '' : `, next try at ${run.waitUntil}`;
  return toSafeLine(`waiting for ${run.waitingFor.reason}: ${run.waitingFor.message}${until}`);
}

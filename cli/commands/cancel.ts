import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { toSafeLine } from '../safe-text.ts';

/** Asks for cancellation; asking twice, or after the end, changes nothing. */
export async function cancelRun(context: CommandContext, id: string): Promise<number> {
  const run = await context.client.cancel(id);
  if (context.json) context.printJson(run);
  else if (run.outcome === null) context.terminal.print(`${toSafeLine(run.id)} is being cancelled`);
  else context.terminal.print(`${toSafeLine(run.id)} has ended: ${run.outcome}`);
  return exitCodes.ok;
}

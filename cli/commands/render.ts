import type { CommandContext } from '../command-context.ts';
import { exitCodes } from '../exit-codes.ts';
import { toSafeText } from '../safe-text.ts';

/** Prints the exact prompt that a model step sent: with `--json` the messages byte for byte, else each under its role. */
export async function renderStep(context: CommandContext, id: string, step: number): Promise<number> {
  const prompt = await context.client.prompt(id, step);
  if (context.json) {
    context.printJson(prompt);
    return exitCodes.ok;
  }
  const { print } = context.terminal;
  for (const [index, { role, content }] of prompt.messages.entries()) {
    if (index > 0) print('');
    print(`── ${index} ${role} ──`);
    print(toSafeText(content));
  }
  return exitCodes.ok;
}

import type { Command } from 'commander';
import type { DecideOptions } from './commands/decide.ts';
import type { SetExitCode } from './program.ts';

/** Writes to standard output, and waits until it is out. */
function writeOut(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Left out of the help: for people who compare the agent's rules with another implementation's (`docs/decide.md`). */
export function addDecide(program: Command, setExitCode: SetExitCode): void {
  program
    .command('decide', { hidden: true })
    .description('answer single decisions of the agent, one JSON object a line')
    .requiredOption('--profile <release>', 'v1.0, v1.5 or v1.7')
    .requiredOption('--function <name>', 'the decision')
    .action(async (options: DecideOptions) => {
      const { decide } = await import('./commands/decide.ts');
      setExitCode(await decide(options, { input: process.stdin, write: writeOut }));
    });
}

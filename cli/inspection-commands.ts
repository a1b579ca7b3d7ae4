import { type Command, InvalidArgumentError } from 'commander';
import type { SetExitCode } from './program.ts';
import type { Terminal } from './terminal.ts';

/**
 * The commands that try one part of a worker on what a person has at hand: left out of the main help, loaded when called, and without an
 * API behind them.
 */
export function addInspectionCommands(program: Command, terminal: Terminal, setExitCode: SetExitCode): void {
  program
    .command('guard-check', { hidden: true })
    .description('judge URLs from standard input as the tools would, one JSON object a line; connects to nothing')
    .option('--resolve <host=ip,...>', 'an answer of the resolver; with any, no other name is known', collect, [])
    .option('--port <n>', 'a port beside 80 and 443', collectPort, [])
    .option('--redirect-chain', 'each line is a tab-separated chain of redirects')
    .action(async (options: { resolve: string[]; port: number[]; redirectChain?: boolean }) => {
      const { guardCheck } = await import('./commands/guard-check.ts');
      const redirectChain = options.redirectChain === true;
      setExitCode(await guardCheck(process.stdin, terminal.print, { ...options, redirectChain }));
    });
  program
    .command('read <file>', { hidden: true })
    .description('read a local file as the tools read a page; connects to nothing')
    .option('--content-type <type>', 'the type that a server would declare', '')
    .option('--json', 'one JSON object on standard output')
    .action(async (file: string, options: { contentType: string; json?: boolean }) => {
      const { readFile } = await import('./commands/read.ts');
      setExitCode(await readFile(file, terminal.print, { ...options, json: options.json === true }));
    });
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

function collectPort(value: string, previous: readonly number[]): number[] {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port >= 1 && port <= 65_535) return [...previous, port];
  throw new InvalidArgumentError('expected a port from 1 to 65535.');
}

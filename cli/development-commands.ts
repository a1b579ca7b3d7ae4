import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { exitCodes } from './exit-codes.ts';
import type { SetExitCode } from './program.ts';
import type { Terminal } from './terminal.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

/**
 * The commands for this machine. What they stand on is loaded when one is called, so that the others start at once and work
 * where the development tools are not installed.
 */
export function addDevelopmentCommands(program: Command, terminal: Terminal, setExitCode: SetExitCode): void {
  program
    .command('demo')
    .description('see it all: a run on this machine, its model worker killed half way')
    .option('--question <text>', 'another question')
    .option('--corpus <folder>', 'search and read the pages of FOLDER/pages.jsonl')
    .option('--json', 'the last line of standard output is one JSON object')
    .option('--keep', 'keep the data folder')
    .action(async (options: { question?: string; corpus?: string; json?: boolean; keep?: boolean }) => {
      const { runDemo } = await import('../infra/dev/demo/demo.ts');
      setExitCode(await runDemo(terminal, options));
    });
  program
    .command('dev')
    .description('run the whole stack on this machine until Ctrl-C')
    .option('--corpus <folder>', 'search and read the pages of FOLDER/pages.jsonl')
    .action(async (options: { corpus?: string }) => {
      const { runDev } = await import('../infra/dev/dev/dev.ts');
      setExitCode(await runDev(terminal, options));
    });
  program
    .command('doctor')
    .description('check every component, and say how to mend what is missing')
    .option('--json', 'one JSON object')
    .action(async (options: { json?: boolean }) => {
      const { runDoctor } = await import('../infra/dev/doctor.ts');
      const ok = await runDoctor({
        env: { ...terminal.env },
        write: (text) => terminal.print(text.trimEnd()),
        json: options.json === true,
      });
      setExitCode(ok ? exitCodes.ok : exitCodes.other);
    });
  addForwarded(program, setExitCode, { name: 'test', script: 'node_modules/vitest/vitest.mjs', first: ['run'] });
  addForwarded(program, setExitCode, { name: 'bench', script: 'bench/main.ts', first: [] });
}

interface Forwarded {
  readonly name: string;
  readonly script: string;
  readonly first: readonly string[];
}

/** `npm test` and `npm run bench` come through here, so that they run under our Node on an older host, too. */
function addForwarded(program: Command, setExitCode: SetExitCode, { name, script, first }: Forwarded): void {
  program
    .command(name, { hidden: true })
    .argument('[arguments...]')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (rest: string[]) => {
      const child = spawn(process.execPath, [`${root}${script}`, ...first, ...rest], { cwd: root, stdio: 'inherit' });
      // The terminal tells the child of Ctrl-C by itself; we wait for what it makes of it.
      const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
      process.on('SIGINT', () => {});
      process.on('SIGTERM', forward);
      setExitCode(
        await new Promise<number>((resolve) => {
          child.once('exit', (code) => resolve(code ?? exitCodes.other));
          child.once('error', () => resolve(exitCodes.other));
        }),
      );
    });
}

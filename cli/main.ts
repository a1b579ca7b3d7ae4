import { CommanderError } from 'commander';
import { toAppError } from '../domain/errors.ts';
import { exitCodes, toFailureExitCode } from './exit-codes.ts';
import { createProgram } from './program.ts';
import { toSafeText } from './safe-text.ts';
import { createTerminal, type Terminal } from './terminal.ts';

/** Runs one command line and returns its exit code. Never throws. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.ok;
  const program = createProgram(terminal, (next) => (code = next));
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = toAppError(error);
    terminal.tell(toSafeText(`longhaul: ${failure.message}`));
    return toFailureExitCode(failure);
  }
}

if (import.meta.main) {
  // A reader that goes away, such as `head`, is no failure of ours.
  process.stdout.on('error', () => process.exit(exitCodes.ok));
  // What has been printed is out: Linux writes to pipes, files and terminals before it returns.
  process.exit(await runCommandLine(process.argv.slice(2), createTerminal()));
}

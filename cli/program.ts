import { Command, InvalidArgumentError } from 'commander';
import { type CommandContext, type CommonOptions, createCommandContext } from './command-context.ts';
import { cancelRun } from './commands/cancel.ts';
import { listRuns, type ListOptions } from './commands/list.ts';
import { research, type ResearchOptions } from './commands/research.ts';
import { showRun, type ShowOptions } from './commands/show.ts';
import { watchRun } from './commands/watch.ts';
import { addHoldCommands, addRecordCommands } from './hold-commands.ts';
import { addDecide } from './decide-command.ts';
import { addDevelopmentCommands } from './development-commands.ts';
import { addInspectionCommands } from './inspection-commands.ts';
import { parseRunId } from './run-id.ts';
import type { Terminal } from './terminal.ts';

/** Takes the exit code of the command that ran. */
export type SetExitCode = (code: number) => void;

function whole(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`expected a whole number of at least ${min}.`);
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError('expected a number above 0, such as 2.50.');
}

/** The command line: every command, with its help. Errors of usage are thrown, and nothing is written but through `terminal`. */
export function createProgram(terminal: Terminal, setExitCode: SetExitCode): Command {
  const program = new Command('longhaul')
    .description('Research agents that run for hours, and survive everything.')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.tell(text.trimEnd()),
    })
    .showHelpAfterError('(longhaul --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 answered or done, 1 something else went wrong, 2 usage or configuration,\n            3 abstained or out of budget, 4 the run failed, 5 cancelled',
    );
  const run = async (options: CommonOptions, work: (context: CommandContext) => Promise<number>): Promise<void> =>
    setExitCode(await work(createCommandContext(terminal, options)));
  addResearch(program, run);
  addRunCommands(program, run);
  addHoldCommands(program, { own, limited, run });
  addRecordCommands(program, { own, limited, run });
  addDevelopmentCommands(program, terminal, setExitCode);
  addInspectionCommands(program, terminal, setExitCode);
  addDecide(program, setExitCode);
  return program;
}

/** Runs a command with its context, and keeps its exit code. */
export type Run = (options: CommonOptions, work: (context: CommandContext) => Promise<number>) => Promise<void>;

/** The options of every command that speaks to the API. */
function own(command: Command): Command {
  return command
    .option('--api <url>', 'address of the API (else LONGHAUL_API_URL, the running "longhaul dev", or port 8700)')
    .option('--json', 'JSON on standard output, progress on standard error');
}

/** The limits of a run, which may be lowered from the profile's. */
function limited(command: Command): Command {
  return command
    .option('--max-turns <n>', 'model turns at most', whole(1))
    .option('--max-tool-calls <n>', 'tool calls at most', whole(0))
    .option('--max-tokens <n>', 'tokens at most, prompts included', whole(1))
    .option('--max-cost-usd <amount>', 'money at most', positive)
    .option('--max-wall-seconds <n>', 'time at most; time that it stands still for people does not count', whole(1));
}

function addResearch(program: Command, run: Run): void {
  limited(own(program.command('research <question>')))
    .description('submit a question and watch its run; Ctrl-C detaches and never cancels')
    .option('--profile <name>', 'the agent to use')
    .option('--on-exceed <way>', 'what happens at a limit: finalize, pause or fail')
    .option('--on-step-failure <mode>', 'when the attempts of a step ran out: observe, pause or fail')
    .option('--idempotency-key <key>', 'submitting again under the same key gives the same run')
    .option('--no-watch', 'print the run id and return')
    .action((question: string, options: ResearchOptions & CommonOptions) =>
      run(options, (context) => research(context, question, options)),
    );
}

function addRunCommands(program: Command, run: Run): void {
  own(program.command('list'))
    .description('list runs, newest first')
    .option('--limit <n>', 'runs on a page, 1 to 100', whole(1))
    .option('--after <run>', 'go on after this run', parseRunId)
    .option('--status <status>', 'only runs of this status, such as in_progress')
    .action((options: ListOptions & CommonOptions) => run(options, (context) => listRuns(context, options)));
  own(program.command('show <run>'))
    .description("show how a run stands, and each recorded step's request and observation")
    .option('--step <n>', 'only this step, with all of its text', whole(0))
    .action((id: string, options: ShowOptions & CommonOptions) =>
      run(options, (context) => showRun(context, parseRunId(id), options)),
    );
  own(program.command('events <run>'))
    .description('follow the events of a run to its end')
    .option('--after <n>', 'only events after this number', whole(0))
    .action((id: string, options: { readonly after?: number } & CommonOptions) =>
      run(options, (context) =>
        watchRun(context, { id: parseRunId(id), after: options.after ?? null, jsonEvents: true, check: true }),
      ),
    );
  own(program.command('cancel <run>'))
    .description('end a run; what is recorded stays')
    .action((id: string, options: CommonOptions) => run(options, (context) => cancelRun(context, parseRunId(id))));
}

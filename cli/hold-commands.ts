import { type Command, InvalidArgumentError } from 'commander';
import type { CommonOptions } from './command-context.ts';
import { forkRun, type ForkOptions } from './commands/fork.ts';
import { type HoldOptions, holdRun, parseCallArguments } from './commands/hold.ts';
import { renderStep } from './commands/render.ts';
import { type ReplayOptions, replayRuns } from './commands/replay.ts';
import { type BudgetOptions, toBudget } from './commands/research.ts';
import type { Run } from './program.ts';
import { parseRunId } from './run-id.ts';

/** What commands are made with. */
interface Parts {
  readonly own: (command: Command) => Command;
  readonly limited: (command: Command) => Command;
  readonly run: Run;
}

function step(text: string): number {
  if (/^\d{1,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of a step, from 0.');
}

/** Who and why: kept with the run for audit. */
function signed(command: Command): Command {
  return command
    .option('--by <name>', 'who does it, for the record (else $USER)')
    .option('--reason <text>', 'why, for the record')
    .option('--idempotency-key <key>', 'repeats under the same key are one');
}

/** Holds on live runs and their steps. */
export function addHoldCommands(program: Command, { own, limited, run }: Parts): void {
  const simple = [
    ['pause', 'let a run stand still after the steps in flight'],
    ['resume', 'let a paused run go on'],
    ['finalize', 'ask a run for its answer now, with what it knows'],
  ] as const;
  for (const [path, description] of simple) {
    signed(own(program.command(`${path} <run>`)))
      .description(description)
      .action((id: string, options: HoldOptions & CommonOptions) =>
        run(options, (context) => holdRun(context, parseRunId(id), { ...options, path })),
      );
  }
  signed(own(program.command('steer <run> <message>')))
    .description('tell the model something with its next turn')
    .action((id: string, text: string, options: HoldOptions & CommonOptions) =>
      run(options, (context) => holdRun(context, parseRunId(id), { ...options, path: 'messages', body: { text } })),
    );
  signed(limited(own(program.command('raise <run>'))))
    .description('raise limits of a run; one that paused at a limit goes on')
    .action((id: string, options: HoldOptions & BudgetOptions & CommonOptions) =>
      run(options, (context) =>
        holdRun(context, parseRunId(id), { ...options, path: 'budget', body: toBudget(options) ?? {} }),
      ),
    );
  addStepCommands(program, { own, limited, run });
}

function addStepCommands(program: Command, { own, run }: Parts): void {
  const verbs = [
    ['retry', 'try a step again whose attempts ran out; of a run that has ended, in a fork'],
    ['skip', 'leave a call out; the model is told'],
    ['approve', 'let a call run that waits for approval'],
    ['deny', 'refuse a call that waits for approval; the model is told'],
  ] as const;
  for (const [verb, description] of verbs) {
    signed(own(program.command(`${verb} <run> <step>`)))
      .description(description)
      .action((id: string, seq: string, options: HoldOptions & CommonOptions) =>
        run(options, (context) => holdRun(context, parseRunId(id), { ...options, path: `steps/${step(seq)}/${verb}` })),
      );
  }
  signed(own(program.command('edit <run>')))
    .description('give a call other arguments: one whose attempts ran out, or of a paused run')
    .argument('<step>')
    .argument('<arguments>', 'one JSON object, or @FILE')
    .action((id: string, seq: string, ...rest: [string, HoldOptions & CommonOptions]) => {
      const [text, options] = rest;
      return run(options, (context) => {
        const body = { arguments: parseCallArguments(text) };
        return holdRun(context, parseRunId(id), { ...options, path: `steps/${step(seq)}/edit`, body });
      });
    });
}

/** What the record of a run allows: forks, prompts, replays. */
export function addRecordCommands(program: Command, { own, limited, run }: Parts): void {
  signed(limited(own(program.command('fork <run>'))))
    .description('a new run from a step of another one, ended or not; the steps before it are shared and cost nothing')
    .requiredOption('--step <n>', 'the first step that is done anew', step)
    .option('--profile <name>', 'another agent')
    .option('--message <text>', 'what the model is told first')
    .option('--on-exceed <way>', 'what happens at a limit: finalize, pause or fail')
    .option('--no-watch', 'print the run id and return')
    .action((id: string, options: ForkOptions & CommonOptions) =>
      run(options, (context) => forkRun(context, parseRunId(id), options)),
    );
  own(program.command('render <run>'))
    .description('print the exact prompt that a model step sent, rendered from the record and proved by its digest')
    .requiredOption('--step <n>', 'the step', step)
    .action((id: string, options: { readonly step: number } & CommonOptions) =>
      run(options, (context) => renderStep(context, parseRunId(id), options.step)),
    );
  own(program.command('replay [runs...]'))
    .description("execute the engine's histories of runs through today's code, and report the first divergence")
    .option('--all', 'every run')
    .option('--since <date>', 'with --all: only runs submitted since then')
    .action((ids: string[], options: ReplayOptions & CommonOptions) =>
      run(options, (context) => replayRuns(context, ids.map(parseRunId), options)),
    );
}

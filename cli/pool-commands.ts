import type { Command } from 'commander';
import { positiveNumber, wholeNumber } from './numbers.ts';
import type { SetExitCode } from './program.ts';
import type { Terminal } from './terminal.ts';
import type { AdviseOptions } from './commands/pool-advise.ts';
import type { CheckOptions } from './commands/pool-check.ts';
import type { LaunchOptions } from './commands/pool-launch.ts';
import type { StatusOptions } from './commands/pool-status.ts';

const window = 262_144;

/** The commands for model servers; what they stand on is loaded when one is called. */
export function addPoolCommands(program: Command, terminal: Terminal, setExitCode: SetExitCode): void {
  const pool = program.command('pool').description('model servers: advice, launch, check, status');
  addAdvise(pool, terminal, setExitCode);
  pool
    .command('launch <profile>')
    .description("print how a profile's model is served, and how to check that it is served right")
    .option('--model <weights>', 'weights to load instead of the named ones: a name, folder or file')
    .option('--form <form>', 'form of the weights, such as fp8 or gguf (the makers’ own by default)')
    .option('--server <server>', 'vllm, sglang, llama.cpp or mlx (the one that the form is known for by default)')
    .option('--served-name <name>', 'name under which requests ask for it')
    .option('--port <port>', 'port of the server', wholeNumber(1), 8_000)
    .option('--json', 'one JSON object')
    .action(async (profile: string, options: LaunchOptions) => {
      const { poolLaunch } = await import('./commands/pool-launch.ts');
      setExitCode(poolLaunch(terminal, profile, options));
    });
  pool
    .command('check <url>')
    .description('look at a model server before it is relied on: window, chat template, calls, counts, cache')
    .requiredOption('--model <name>', 'name under which it serves the model')
    .option('--window <tokens>', 'context window that profiles count on', wholeNumber(1_024), window)
    .option('--key-env <name>', 'environment variable with its key')
    .option('--json', 'one JSON object')
    .action(async (url: string, options: CheckOptions) => {
      const { poolCheck } = await import('./commands/pool-check.ts');
      setExitCode(await poolCheck(terminal, url, options));
    });
  pool
    .command('status')
    .description('show how the replicas of a pools file stand, and what a worker has seen')
    .option('--file <file>', 'the pools file (else LONGHAUL_MODEL_POOLS_FILE)')
    .option('--worker <url>', 'health address of a model worker')
    .option('--json', 'one JSON object')
    .action(async (options: StatusOptions) => {
      const { poolStatus } = await import('./commands/pool-status.ts');
      setExitCode(await poolStatus(terminal, options));
    });
}

function addAdvise(pool: Command, terminal: Terminal, setExitCode: SetExitCode): void {
  pool
    .command('advise')
    .description('what the cost model advises: retention in batches, runs at once, values for the pools file')
    .option('--replicas <n>', 'replicas', wholeNumber(1), 1)
    .option('--window <tokens>', 'context window', wholeNumber(1_024), window)
    .option('--max-tokens <tokens>', 'longest completion', wholeNumber(16), 16_384)
    .option('--keep <n>', 'newest observations that stay in view', wholeNumber(1), 5)
    .option('--turns <n>', 'turns of a run', wholeNumber(1), 600)
    .option('--reply <tokens>', 'thought and call of a turn', wholeNumber(1), 300)
    .option('--observation <tokens>', 'what a call returns', wholeNumber(1), 4_000)
    .option('--system <tokens>', 'system prompt and task', wholeNumber(1), 4_000)
    .option('--tool <seconds>', 'how long a tool takes', wholeNumber(0), 5)
    .option('--model <shape>', 'qwen3-8b, qwen3-30b-a3b, qwen2.5-72b or qwen3-235b-a22b', 'qwen3-30b-a3b')
    .option('--kv-gib <gib>', 'KV cache of one replica', positiveNumber)
    .option('--json', 'one JSON object')
    .action(async (options: AdviseOptions) => {
      const { poolAdvise } = await import('./commands/pool-advise.ts');
      setExitCode(poolAdvise(terminal, options));
    });
}

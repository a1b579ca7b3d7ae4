import { parseArgs } from 'node:util';
import { z } from 'zod';
import { AppError, toAppError } from '../domain/errors.ts';
import { poolNames } from '../domain/tools.ts';
import { type BenchContext, openBenchContext } from './support/bench-context.ts';
import { describeEnvironment, describeMachine } from './support/environment.ts';
import { runForkBench } from './fork/fork-bench.ts';
import { runHistoryBench } from './history/history-bench.ts';
import { runOverloadBench } from './overload/overload-bench.ts';
import { runPrefillBench } from './prefill/prefill-bench.ts';
import { type OverheadOptions, runOverheadBench } from './overhead/overhead-bench.ts';
import { describeRoutingEnvironment, runRoutingBench } from './routing/routing-bench.ts';
import { runReadingBench } from './reading/reading-bench.ts';
import { type RecoveryOptions, runRecoveryBench } from './recovery/recovery-bench.ts';

const count = z.coerce.number().int().min(1).max(100_000);
const argumentsSchema = z.strictObject({
  name: z.enum(['fork', 'history', 'overhead', 'recovery', 'reading', 'prefill', 'overload', 'routing']),
  json: z.boolean().default(false),
  turns: count.optional(),
  pairs: count.optional(),
  runs: count.optional(),
  'run-turns': count.optional(),
  'run-pairs': count.optional(),
  kills: count.optional(),
  step: count.optional(),
  forks: count.optional(),
  seed: z.coerce.number().int().min(0).max(4_294_967_295).optional(),
  seeds: z.coerce.number().int().min(1).max(100).optional(),
  pools: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(poolNames)))
    .optional(),
  'cpu-prof': z.string().min(1).optional(),
});
type Arguments = z.infer<typeof argumentsSchema>;

/** What every bench gives, beside its own fields. */
interface BenchResult {
  readonly bench: string;
  readonly ok: boolean;
  readonly violations: readonly string[];
}

const usage = `Usage: npm run bench -- <fork|history|overhead|recovery|reading|prefill|overload|routing> [--json] [options]; bench/README.md names the options of each.`;

function readArguments(): Arguments {
  const text = { type: 'string' } as const;
  const options = {
    json: { type: 'boolean' },
    turns: text,
    pairs: text,
    runs: text,
    'run-turns': text,
    'run-pairs': text,
    kills: text,
    step: text,
    forks: text,
    seed: text,
    seeds: text,
    pools: text,
    'cpu-prof': text,
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const parsed = argumentsSchema.safeParse({ ...values, name: positionals[0] });
  if (parsed.success && positionals.length === 1) return parsed.data;
  const problems = parsed.success ? ['one bench at a time'] : parsed.error.issues.map(toProblem);
  throw new AppError('Config.Invalid', { what: problems.join('; '), mend: usage });
}

function toProblem(issue: z.core.$ZodIssue): string {
  return `${issue.path.join('.') || 'arguments'}: ${issue.message}`;
}

function toOverheadOptions(values: Arguments): OverheadOptions {
  return {
    turns: values.turns ?? 300,
    pairs: values.pairs ?? 5,
    runs: values.runs ?? 50,
    runTurns: values['run-turns'] ?? 100,
    runPairs: values['run-pairs'] ?? 3,
  };
}

function toRecoveryOptions(values: Arguments): RecoveryOptions {
  return { kills: values.kills ?? 10, pools: values.pools ?? poolNames };
}

interface Bench {
  readonly run: (context: BenchContext, values: Arguments) => Promise<BenchResult>;
  /** What it was measured on; a simulated bench needs no engine. */
  readonly environment: () => Promise<object>;
}

const benches: Readonly<Record<Arguments['name'], Bench>> = {
  fork: {
    run: (context, values) => runForkBench(context, { step: values.step ?? 500, forks: values.forks ?? 20 }),
    environment: describeEnvironment,
  },
  history: {
    run: (context, values) => runHistoryBench(context, { turns: values.turns ?? 600, pairs: values.pairs ?? 3 }),
    environment: describeEnvironment,
  },
  overhead: {
    run: (context, values) => runOverheadBench(context, toOverheadOptions(values)),
    environment: describeEnvironment,
  },
  recovery: {
    run: (context, values) => runRecoveryBench(context, toRecoveryOptions(values)),
    environment: describeEnvironment,
  },
  reading: {
    run: (context) => runReadingBench(context),
    environment: describeEnvironment,
  },
  prefill: {
    run: (context, values) => runPrefillBench(context, { turns: values.turns ?? 600, seed: values.seed ?? 7 }),
    environment: describeMachine,
  },
  overload: {
    run: (context, values) => runOverloadBench(context, { seeds: values.seeds ?? 5 }),
    environment: describeMachine,
  },
  routing: {
    run: (context, values) =>
      runRoutingBench(context, { replicas: 8, runs: values.runs ?? 16, turns: values.turns ?? 40 }),
    environment: describeRoutingEnvironment,
  },
};

/** As shells tell of SIGINT. */
const interruptedExit = 130;

async function main(): Promise<number> {
  const values = readArguments();
  const controller = new AbortController();
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signals += 1;
      // The guards end every process that is left when this one is gone.
      if (signals > 1) process.exit(interruptedExit);
      controller.abort(new Error('ended by a signal'));
    });
  }
  const profileDirectory = values['cpu-prof'] ?? null;
  const { context, close } = await openBenchContext({ signal: controller.signal, profileDirectory });
  try {
    const bench = benches[values.name];
    const result = await bench.run(context, values);
    for (const violation of result.violations) context.report(`broken: ${violation}`);
    context.report(result.ok ? 'every bound is kept' : `${result.violations.length} bounds are broken`);
    const environment = await bench.environment();
    process.stdout.write(`${JSON.stringify({ ...result, environment }, null, values.json ? 0 : 2)}\n`);
    return result.ok ? 0 : 1;
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    context.report('ended by a signal; everything it had started is ended');
    return interruptedExit;
  } finally {
    await close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const failure = toAppError(error);
  process.stderr.write(`${failure.message}\n`);
  process.exitCode = failure.type === 'Config.Invalid' ? 2 : 1;
}
process.exit();

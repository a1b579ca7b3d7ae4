import { parseArgs } from 'node:util';
import { z } from 'zod';
import { AppError, toAppError } from '../domain/errors.ts';
import { poolNames } from '../domain/tools.ts';
import { type BenchContext, openBenchContext } from './support/bench-context.ts';
import { describeEnvironment } from './support/environment.ts';
import { runHistoryBench } from './history/history-bench.ts';
import { type OverheadOptions, runOverheadBench } from './overhead/overhead-bench.ts';
import { runReadingBench } from './reading/reading-bench.ts';
import { type RecoveryOptions, runRecoveryBench } from './recovery/recovery-bench.ts';

const count = z.coerce.number().int().min(1).max(100_000);
const argumentsSchema = z.strictObject({
  name: z.enum(['history', 'overhead', 'recovery', 'reading']),
  json: z.boolean().default(false),
  turns: count.optional(),
  pairs: count.optional(),
  runs: count.optional(),
  'run-turns': count.optional(),
  'run-pairs': count.optional(),
  kills: count.optional(),
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

const usage = `Usage: npm run bench -- <history|overhead|recovery|reading> [--json] [options]; bench/README.md names the options of each.`;

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

const benches: Readonly<Record<Arguments['name'], (context: BenchContext, values: Arguments) => Promise<BenchResult>>> =
  {
    history: (context, values) => runHistoryBench(context, { turns: values.turns ?? 600, pairs: values.pairs ?? 3 }),
    overhead: (context, values) => runOverheadBench(context, toOverheadOptions(values)),
    recovery: (context, values) => runRecoveryBench(context, toRecoveryOptions(values)),
    reading: (context) => runReadingBench(context),
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
    const result = await benches[values.name](context, values);
    for (const violation of result.violations) context.report(`broken: ${violation}`);
    context.report(result.ok ? 'every bound is kept' : `${result.violations.length} bounds are broken`);
    const environment = await describeEnvironment();
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

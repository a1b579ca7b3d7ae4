import { parseArgs } from 'node:util';
import { z } from 'zod';
import { openBenchContext } from '../../bench/support/bench-context.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { campaigns } from './campaigns.ts';
import type { Campaign, CampaignOptions } from './support/campaign.ts';

const argumentsSchema = z.strictObject({
  name: z.string().refine((name) => Object.hasOwn(campaigns, name), 'no such campaign'),
  points: z.coerce.number().int().min(1).max(10_000_000).nullable().default(null),
  seed: z.coerce.number().int().min(0).max(4_294_967_295).default(1),
  full: z.boolean().default(false),
  json: z.boolean().default(false),
});

/** As shells tell of SIGINT. */
const interruptedExit = 130;

interface Asked extends CampaignOptions {
  readonly run: Campaign;
  readonly json: boolean;
}

async function readArguments(): Promise<Asked> {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { points: text, seed: text, full: flag, json: flag } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const parsed = argumentsSchema.safeParse({ ...values, name: positionals[0] });
  const names = Object.keys(campaigns).toSorted().join('|');
  const mend = `Usage: npm run campaign -- <${names}> [--points N] [--seed S] [--full] [--json]`;
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'arguments'}: ${issue.message}`);
    throw new AppError('Config.Invalid', { what: problems.join('; '), mend });
  }
  if (positionals.length > 1) throw new AppError('Config.Invalid', { what: 'one campaign at a time', mend });
  const { name, ...rest } = parsed.data;
  const load = campaigns[name];
  if (load === undefined) throw new AppError('Config.Invalid', { what: `no campaign ${name}`, mend });
  return { ...rest, run: await load() };
}

async function main(): Promise<number> {
  const { run, json, ...options } = await readArguments();
  const controller = new AbortController();
  let signals = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      signals += 1;
      // The guard ends every process that is left when this one is gone.
      if (signals > 1) process.exit(interruptedExit);
      controller.abort(new Error('ended by a signal'));
    });
  }
  const { context, close } = await openBenchContext({ signal: controller.signal, profileDirectory: null });
  try {
    const result = await run(context, options);
    context.report(result.ok ? 'every invariant is kept' : `${result.violations} invariants are broken`);
    process.stdout.write(`${JSON.stringify(result, null, json ? 0 : 2)}\n`);
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

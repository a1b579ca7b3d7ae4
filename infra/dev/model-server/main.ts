import { parseArgs } from 'node:util';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import type { ModelMind } from './mind.ts';
import { loadScenario } from './scenario.ts';
import { createScriptedMind } from './scripted.ts';
import { startModelServer } from './server.ts';
import { createStandInMind } from './stand-in/mind.ts';

const argumentsSchema = z
  .strictObject({
    mode: z.enum(['scripted', 'stand-in']),
    scenario: z.string().optional(),
    port: z.coerce.number().int().min(0).max(65_535).default(0),
    log: z.string().optional(),
    'delay-ms': z.coerce.number().min(0).max(60_000).default(0),
  })
  .refine((values) => values.mode !== 'scripted' || values.scenario !== undefined, {
    path: ['scenario'],
    message: 'a scripted model needs a scenario file',
  });

function readArguments(): z.infer<typeof argumentsSchema> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { mode: text, scenario: text, port: text, log: text, 'delay-ms': text },
  });
  const parsed = argumentsSchema.safeParse(values);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `--${issue.path.join('.')}: ${issue.message}`);
  throw new AppError('Config.Invalid', {
    what: problems.join('; '),
    mend: 'Example: --mode scripted --scenario scenario.yaml --port 0 --log requests.jsonl',
  });
}

function createMind(values: z.infer<typeof argumentsSchema>): ModelMind {
  if (values.mode === 'stand-in') return createStandInMind({ delayMs: values['delay-ms'] });
  return createScriptedMind(loadScenario(values.scenario ?? ''));
}

async function main(): Promise<void> {
  const values = readArguments();
  const server = await startModelServer({
    mode: createMind(values),
    port: values.port,
    ...(values.log === undefined ? {} : { logFile: values.log }),
  });
  process.stdout.write(`${JSON.stringify({ listening: server.url })}\n`);
  const stop = (): void => void server.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
});

import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';

const portSchema = z.coerce.number().int().min(1).max(65_535);
const urlSchema = z.url({
  protocol: /^https?$/,
  error: 'expected an http or https URL, such as http://127.0.0.1:8000/v1',
});
const textSchema = z.string().min(1);

/** What a person can set for the development stack; everything else of the environment stays out of its processes. */
const stackEnvSchema = z.object({
  TEMPORAL_ADDRESS: textSchema.optional(),
  OPENAI_BASE_URL: urlSchema.optional(),
  OPENAI_API_KEY: textSchema.optional(),
  LONGHAUL_MODEL: textSchema.optional(),
  LONGHAUL_READER_MODEL: textSchema.optional(),
  SERPER_API_KEY: textSchema.optional(),
  SERPER_BASE_URL: urlSchema.optional(),
  LONGHAUL_STORE: textSchema.optional(),
  LONGHAUL_S3_ENDPOINT: urlSchema.optional(),
  LONGHAUL_QUEUE_PREFIX: textSchema.optional(),
  LONGHAUL_TOOLS_FILE: textSchema.optional(),
  LONGHAUL_PROFILES_FILE: textSchema.optional(),
  LONGHAUL_TIME_ZONE: textSchema.optional(),
  LONGHAUL_DATA_DIR: textSchema.default('.longhaul'),
  LONGHAUL_DRAIN_MS: z.coerce.number().int().min(0).max(600_000).default(3_000),
  LONGHAUL_API_PORT: portSchema.default(8700),
  LONGHAUL_TEMPORAL_PORT: portSchema.default(7233),
  LONGHAUL_UI_PORT: portSchema.default(8233),
  LONGHAUL_API_URL: textSchema.optional(),
  LONGHAUL_TEMPORAL_CLI: textSchema.optional(),
  LONGHAUL_VERSITYGW: textSchema.optional(),
  LONGHAUL_INFERENCE_SIM: textSchema.optional(),
  LONGHAUL_MODEL_POOLS_FILE: textSchema.optional(),
});
export type StackEnv = z.infer<typeof stackEnvSchema>;

/** Variables of a worker or the API that the stack sets by itself: setting them here would be overlooked. */
const ownedByStack: ReadonlySet<string> = new Set([
  'LONGHAUL_POOLS',
  'LONGHAUL_HEALTH_PORT',
  'LONGHAUL_HEALTH_HOST',
  'LONGHAUL_CORPUS',
  'LONGHAUL_CORPUS_HOST',
  'LONGHAUL_FETCH_ALLOW',
  'LONGHAUL_SANDBOX_DIR',
  'LONGHAUL_STAND_IN',
  'LONGHAUL_API_HOST',
]);

/**
 * What the environment says about the stack. Pure.
 *
 * @throws AppError `Config.Invalid` naming every variable that is wrong, and printing no value
 */
export function loadStackEnv(env: Readonly<Record<string, string | undefined>>): StackEnv {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = stackEnvSchema.safeParse(given);
  const problems = parsed.success
    ? toRules(parsed.data)
    : parsed.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`);
  problems.push(...findForeign(given));
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new AppError('Config.Invalid', {
    what: `${problems.length} of the environment's values cannot be used:\n  ${problems.join('\n  ')}\n`,
    mend: 'Set or unset them, and start again.',
  });
}

function findForeign(given: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(given)
    .filter((name) => name.startsWith('LONGHAUL_') && !Object.hasOwn(stackEnvSchema.shape, name))
    .map((name) =>
      ownedByStack.has(name)
        ? `${name}: the development stack sets it itself; it is for single processes`
        : `${name}: unknown variable`,
    );
}

/** A real model needs its address and its name: a key that lies about for other programs must not begin to spend. */
function toRules(env: StackEnv): string[] {
  const isReal = usesRealModel(env);
  if (isReal && env.LONGHAUL_MODEL === undefined) {
    return [
      'LONGHAUL_MODEL: missing; with OPENAI_BASE_URL the name under which that server serves the model is needed, such as Qwen/Qwen3-8B',
    ];
  }
  if (!isReal && env.LONGHAUL_MODEL !== undefined) {
    return [
      'OPENAI_BASE_URL: missing; LONGHAUL_MODEL names a real model, whose server must be named too, such as http://127.0.0.1:8000/v1',
    ];
  }
  return [];
}

/** Is a real model configured? Without one the rule-based stand-in plays it. */
export function usesRealModel(env: StackEnv): boolean {
  return env.OPENAI_BASE_URL !== undefined || env.LONGHAUL_MODEL_POOLS_FILE !== undefined;
}

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { AppError } from '../../domain/errors.ts';
import {
  type ModelPool,
  type ModelPoolName,
  modelPoolNames,
  type ModelPoolsFile,
  modelPoolsFileSchema,
} from '../../domain/pool/pool-config.ts';

/** A pool with what it is reached by. */
export interface ConfiguredPool {
  readonly name: ModelPoolName;
  readonly pool: ModelPool;
  /** Null: the servers want no key. */
  readonly apiKey: string | null;
}

/** The pools of a file, by name; `reader` and `judge` are `main` where the file does not name them. */
export type ConfiguredPools = Readonly<Record<ModelPoolName, ConfiguredPool>>;

type Environment = Readonly<Record<string, string | undefined>>;

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('Config.Invalid', { what: `${file} cannot be read as YAML (${reason})`, cause });
  }
}

/** Rules between the fields of a file, and between it and the environment. */
function findProblems(pools: ModelPoolsFile['pools'], env: Environment): string[] {
  return modelPoolNames.flatMap((name) => {
    const pool = pools[name];
    if (pool === undefined) return [];
    const problems: string[] = [];
    const names = pool.models.map((model) => model.name);
    if (new Set(names).size < names.length) problems.push(`pools.${name}.models: two models have one name`);
    const ids = pool.replicas.static?.map(({ id, url }) => id ?? url) ?? [];
    if (new Set(ids).size < ids.length) problems.push(`pools.${name}.replicas.static: two replicas have one name`);
    const key = pool.apiKeyEnv;
    if (key !== null && (env[key] ?? '') === '') problems.push(`pools.${name}.apiKeyEnv: ${key} is not set`);
    return problems;
  });
}

/**
 * Reads a pools file.
 *
 * @throws AppError `Config.Invalid` naming every key that is wrong, in one error
 */
export function loadModelPools(file: string, env: Environment): ConfiguredPools {
  const parsed = modelPoolsFileSchema.safeParse(readYaml(file));
  const problems = parsed.success
    ? findProblems(parsed.data.pools, env)
    : parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`);
  if (!parsed.success || problems.length > 0) {
    throw new AppError('Config.Invalid', {
      what: `${file} is no file of model pools:\n  ${problems.join('\n  ')}\n`,
      mend: 'docs/gpu-pool.md describes every key.',
    });
  }
  const { main, reader, judge } = parsed.data.pools;
  const configured = (name: ModelPoolName, pool: ModelPool): ConfiguredPool => ({
    name,
    pool,
    apiKey: pool.apiKeyEnv === null ? null : (env[pool.apiKeyEnv] ?? null),
  });
  return {
    main: configured('main', main),
    reader: reader === undefined ? configured('main', main) : configured('reader', reader),
    judge: judge === undefined ? configured('main', main) : configured('judge', judge),
  };
}

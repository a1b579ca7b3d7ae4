import { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { type PoolName, poolNames } from '../../domain/tools.ts';

/** Where the object store is. */
export type StoreConfig =
  | { readonly kind: 'directory'; readonly directory: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string; readonly endpoint: string | null };

/** A value that is shown nowhere: not in logs, not in JSON, not in errors. */
class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself; called only where it is sent. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }
}

const storeSchema = z
  .string()
  .regex(
    /^(file:.+|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?)$/,
    'expected file:PATH or s3://bucket/prefix, such as file:.longhaul/store',
  );
const portSchema = z.coerce.number().int().min(0).max(65_535);
const milliseconds = z.coerce
  .number()
  .int()
  .min(0)
  .max(7 * 24 * 3_600_000);
const slots = z.coerce.number().int().min(1).max(10_000);
const urlSchema = z.url({
  protocol: /^https?$/,
  error: 'expected an http or https URL, such as http://127.0.0.1:8000/v1',
});
const allowSchema = z
  .string()
  .transform((text) => text.split(',').filter((part) => part !== ''))
  .pipe(
    z.array(
      z
        .string()
        .regex(
          /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{1,5}$/,
          'expected ip:port,ip:port,… such as 127.0.0.1:8711',
        ),
    ),
  );
const poolsSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(poolNames, `expected some of ${poolNames.join(',')}`)).min(1));

/** Search providers, in the order in which they are tried unless `LONGHAUL_SEARCH` says otherwise. */
const searchNames = ['serper', 'brave', 'tavily', 'exa', 'searxng', 'corpus'] as const;
type SearchName = (typeof searchNames)[number];
const searchOrderSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(searchNames, `expected some of ${searchNames.join(',')}`)).min(1));

const shared = {
  LONGHAUL_STORE: storeSchema,
  LONGHAUL_S3_ENDPOINT: urlSchema.optional(),
  LONGHAUL_QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{0,40}$/, 'expected up to 40 of A-Z, a-z, 0-9, _ and -')
    .default(''),
  LONGHAUL_TOOLS_FILE: z.string().min(1).optional(),
};

const workerEnvSchema = z.object({
  ...shared,
  LONGHAUL_POOLS: poolsSchema,
  LONGHAUL_DRAIN_MS: milliseconds.default(20 * 60_000),
  LONGHAUL_HEALTH_HOST: z.string().min(1).default('127.0.0.1'),
  LONGHAUL_HEALTH_PORT: portSchema.default(0),
  LONGHAUL_SLOTS: slots.default(100),
  LONGHAUL_STANDBY: z.enum(['0', '1']).default('1'),
  OPENAI_BASE_URL: urlSchema.optional(),
  OPENAI_API_KEY: z.string().min(1).optional(),
  LONGHAUL_MODEL_POOLS_FILE: z.string().min(1).optional(),
  LONGHAUL_READER: z.enum(['model', 'extractive']).default('model'),
  SERPER_API_KEY: z.string().min(1).optional(),
  SERPER_BASE_URL: urlSchema.optional(),
  BRAVE_API_KEY: z.string().min(1).optional(),
  TAVILY_API_KEY: z.string().min(1).optional(),
  EXA_API_KEY: z.string().min(1).optional(),
  SEARXNG_BASE_URL: urlSchema.optional(),
  LONGHAUL_SEARCH: searchOrderSchema.optional(),
  JINA_API_KEY: z.string().min(1).optional(),
  JINA_BASE_URL: urlSchema.optional(),
  LONGHAUL_PAGES: z.enum(['direct', 'jina']).default('direct'),
  LONGHAUL_CORPUS: z.string().min(1).optional(),
  LONGHAUL_CORPUS_HOST: z
    .string()
    .regex(/^[^/\s]+$/, 'expected host:port')
    .optional(),
  LONGHAUL_FETCH_ALLOW: allowSchema.default([]),
  LONGHAUL_SANDBOX_DIR: z.string().min(1).optional(),
  LONGHAUL_SANDBOX: z.enum(['auto', 'bubblewrap', 'gvisor'], 'expected auto, bubblewrap or gvisor').default('auto'),
});

const apiEnvSchema = z.object({
  ...shared,
  LONGHAUL_API_HOST: z.string().default('127.0.0.1'),
  LONGHAUL_API_PORT: portSchema.default(8700),
  LONGHAUL_MODEL: z.string().min(1),
  LONGHAUL_READER_MODEL: z.string().min(1).optional(),
  LONGHAUL_STAND_IN: z.enum(['0', '1']).default('0'),
  LONGHAUL_PROFILES_FILE: z.string().min(1).optional(),
  LONGHAUL_TIME_ZONE: z.string().refine(isTimeZone, 'expected an IANA time zone, such as Europe/Berlin').default('UTC'),
});

type Environment = Readonly<Record<string, string | undefined>>;

/** One search provider. */
export interface SearchConfig {
  readonly name: SearchName;
  readonly apiKey: Secret | null;
  readonly baseUrl: string | null;
}

/** What a worker process is told. */
export interface WorkerConfig {
  readonly pools: readonly PoolName[];
  readonly store: StoreConfig;
  readonly queuePrefix: string;
  readonly drainMs: number;
  readonly healthHost: string;
  readonly healthPort: number;
  readonly slots: number;
  /** Keep a second worker process loaded, to take over at once when the first one dies. */
  readonly standby: boolean;
  readonly modelBaseUrl: string | null;
  readonly modelApiKey: Secret | null;
  /** YAML file of the model pools; null: the one server of `modelBaseUrl`. */
  readonly modelPoolsFile: string | null;
  readonly reader: 'model' | 'extractive';
  /** Whom to search with, in this order; a provider of the web has a key or an address of its own, or both. */
  readonly search: readonly SearchConfig[];
  /** Who fetches pages: we, or the Jina reader. */
  readonly pages: 'direct' | 'jina';
  readonly jinaApiKey: Secret | null;
  readonly jinaBaseUrl: string | null;
  readonly corpus: { readonly directory: string; readonly host: string } | null;
  readonly fetchAllow: readonly string[];
  readonly sandboxDirectory: string | null;
  /** What makes the boxes of the sandbox pool; `auto`: gVisor where it is on PATH and the worker is root, else bubblewrap. */
  readonly sandboxRuntime: 'auto' | 'bubblewrap' | 'gvisor';
  readonly toolsFile: string | null;
}

/** What the API process is told. */
export interface ApiConfig {
  readonly store: StoreConfig;
  readonly queuePrefix: string;
  readonly apiHost: string;
  readonly apiPort: number;
  readonly model: string;
  readonly readerModel: string | null;
  readonly standIn: boolean;
  readonly profilesFile: string | null;
  readonly toolsFile: string | null;
  readonly timeZone: string;
  readonly tenant: 'default';
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Names that begin with LONGHAUL_ and are known somewhere; anything else is a typing error. */
const knownNames: ReadonlySet<string> = new Set([
  ...Object.keys(workerEnvSchema.shape),
  ...Object.keys(apiEnvSchema.shape),
  'LONGHAUL_API_URL',
  'LONGHAUL_TEMPORAL_CLI',
  'LONGHAUL_VERSITYGW',
  'LONGHAUL_INFERENCE_SIM',
  'LONGHAUL_DATA_DIR',
  'LONGHAUL_TEMPORAL_PORT',
  'LONGHAUL_UI_PORT',
]);

function findUnknown(env: Environment): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith('LONGHAUL_') && !knownNames.has(name) && !name.startsWith('LONGHAUL_INTERNAL_'))
    .map((name) => `${name}: unknown variable`);
}

/** All that is wrong with the environment, in one error that prints no value. */
function fail(problems: readonly string[]): never {
  throw new AppError('Config.Invalid', {
    what: `${problems.length} of the environment's values cannot be used:\n  ${problems.join('\n  ')}\n`,
    mend: 'docs/configuration.md lists every variable.',
  });
}

function parseEnvironment<T>(schema: z.ZodType<T>, env: Environment, more: (value: T) => string[]): T {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = schema.safeParse(given);
  const unknown = findUnknown(given);
  if (!parsed.success) {
    fail([...parsed.error.issues.map((issue) => `${String(issue.path[0])}: ${toRule(issue, given)}`), ...unknown]);
  }
  const problems = [...more(parsed.data), ...unknown];
  if (problems.length > 0) fail(problems);
  return parsed.data;
}

function toRule(issue: z.core.$ZodIssue, given: Record<string, unknown>): string {
  return given[String(issue.path[0])] === undefined ? 'missing; required here' : issue.message;
}

function toStore(location: string, endpoint: string | undefined): StoreConfig {
  if (location.startsWith('file:')) return { kind: 'directory', directory: location.slice('file:'.length) };
  const { hostname, pathname } = new URL(location);
  return { kind: 's3', bucket: hostname, prefix: pathname.replace(/^\//, ''), endpoint: endpoint ?? null };
}

type WorkerEnv = z.infer<typeof workerEnvSchema>;

/** Rules between variables: what a pool cannot do without. */
function checkPools(env: WorkerEnv): string[] {
  const pools = new Set(env.LONGHAUL_POOLS);
  const problems: string[] = [];
  const require = (condition: boolean, text: string) => {
    if (!condition) problems.push(text);
  };
  const hasModel =
    env.OPENAI_BASE_URL !== undefined ||
    env.OPENAI_API_KEY !== undefined ||
    env.LONGHAUL_MODEL_POOLS_FILE !== undefined;
  require(!pools.has('model') ||
    hasModel, 'OPENAI_BASE_URL: missing; the model pool needs the address of a model server, such as http://127.0.0.1:8000/v1, OPENAI_API_KEY for OpenAI itself, or LONGHAUL_MODEL_POOLS_FILE for several servers');
  require(!pools.has('web') ||
    toSearch(env).length >
      0, 'SERPER_API_KEY: missing; the web pool searches with Serper, Brave, Tavily, Exa or SearXNG, or offline with LONGHAUL_CORPUS=FOLDER');
  const known = new Set(configuredSearch(env).map(({ name }) => name));
  for (const name of env.LONGHAUL_SEARCH ?? [])
    require(known.has(name), `LONGHAUL_SEARCH: ${name} is named, but ${searchVariables[name]} is missing`);
  require(!pools.has('web') ||
    env.LONGHAUL_READER === 'extractive' ||
    hasModel, 'OPENAI_BASE_URL: missing; the web pool reads pages with a model, or without one with LONGHAUL_READER=extractive');
  require(env.LONGHAUL_CORPUS === undefined ||
    env.LONGHAUL_CORPUS_HOST !==
      undefined, 'LONGHAUL_CORPUS_HOST: missing; the host:port that serves the pages of LONGHAUL_CORPUS');
  require(!pools.has('sandbox') ||
    env.LONGHAUL_SANDBOX_DIR !==
      undefined, 'LONGHAUL_SANDBOX_DIR: missing; the folder for sandboxes of this host, such as /var/lib/longhaul/sandboxes');
  return problems;
}

/**
 * The configuration of a worker process. Pure.
 *
 * @throws AppError `Config.Invalid` naming every variable that is wrong
 */
export function loadWorkerConfig(env: Environment): WorkerConfig {
  const parsed = parseEnvironment(workerEnvSchema, env, checkPools);
  return {
    pools: [...new Set(parsed.LONGHAUL_POOLS)],
    store: toStore(parsed.LONGHAUL_STORE, parsed.LONGHAUL_S3_ENDPOINT),
    queuePrefix: parsed.LONGHAUL_QUEUE_PREFIX,
    drainMs: parsed.LONGHAUL_DRAIN_MS,
    healthHost: parsed.LONGHAUL_HEALTH_HOST,
    healthPort: parsed.LONGHAUL_HEALTH_PORT,
    slots: parsed.LONGHAUL_SLOTS,
    standby: parsed.LONGHAUL_STANDBY === '1',
    modelBaseUrl: parsed.OPENAI_BASE_URL ?? null,
    modelApiKey: toSecret(parsed.OPENAI_API_KEY),
    modelPoolsFile: parsed.LONGHAUL_MODEL_POOLS_FILE ?? null,
    reader: parsed.LONGHAUL_READER,
    search: toSearch(parsed),
    pages: parsed.LONGHAUL_PAGES,
    jinaApiKey: toSecret(parsed.JINA_API_KEY),
    jinaBaseUrl: parsed.JINA_BASE_URL ?? null,
    corpus: toCorpus(parsed),
    fetchAllow: parsed.LONGHAUL_FETCH_ALLOW,
    sandboxDirectory: parsed.LONGHAUL_SANDBOX_DIR ?? null,
    sandboxRuntime: parsed.LONGHAUL_SANDBOX,
    toolsFile: parsed.LONGHAUL_TOOLS_FILE ?? null,
  };
}

function toSecret(value: string | undefined): Secret | null {
  return value === undefined ? null : new Secret(value);
}

const searchVariables: Readonly<Record<SearchName, string>> = {
  serper: 'SERPER_API_KEY',
  brave: 'BRAVE_API_KEY',
  tavily: 'TAVILY_API_KEY',
  exa: 'EXA_API_KEY',
  searxng: 'SEARXNG_BASE_URL',
  corpus: 'LONGHAUL_CORPUS',
};

/** The providers that have what they need. */
function configuredSearch(env: WorkerEnv): SearchConfig[] {
  const keys = {
    serper: env.SERPER_API_KEY,
    brave: env.BRAVE_API_KEY,
    tavily: env.TAVILY_API_KEY,
    exa: env.EXA_API_KEY,
    searxng: env.SEARXNG_BASE_URL === undefined ? undefined : '',
    corpus: env.LONGHAUL_CORPUS === undefined ? undefined : '',
  };
  const addresses: Partial<Record<SearchName, string | undefined>> = {
    serper: env.SERPER_BASE_URL,
    searxng: env.SEARXNG_BASE_URL,
  };
  return searchNames
    .filter((name) => keys[name] !== undefined)
    .map((name) => ({ name, apiKey: toSecret(keys[name] || undefined), baseUrl: addresses[name] ?? null }));
}

/** In the operator's order; without one every provider of the web that is configured, and the corpus only where there is no other. */
function toSearch(env: WorkerEnv): SearchConfig[] {
  const configured = configuredSearch(env);
  if (env.LONGHAUL_SEARCH !== undefined)
    return env.LONGHAUL_SEARCH.flatMap((name) => configured.filter((one) => one.name === name));
  const ofWeb = configured.filter(({ name }) => name !== 'corpus');
  return ofWeb.length > 0 ? ofWeb : configured;
}

function toCorpus(env: WorkerEnv): WorkerConfig['corpus'] {
  if (env.LONGHAUL_CORPUS === undefined || env.LONGHAUL_CORPUS_HOST === undefined) return null;
  return { directory: env.LONGHAUL_CORPUS, host: env.LONGHAUL_CORPUS_HOST };
}

/**
 * The configuration of the API process. Pure.
 *
 * @throws AppError `Config.Invalid` naming every variable that is wrong
 */
export function loadApiConfig(env: Environment): ApiConfig {
  const parsed = parseEnvironment(apiEnvSchema, env, () => []);
  return {
    store: toStore(parsed.LONGHAUL_STORE, parsed.LONGHAUL_S3_ENDPOINT),
    queuePrefix: parsed.LONGHAUL_QUEUE_PREFIX,
    apiHost: parsed.LONGHAUL_API_HOST,
    apiPort: parsed.LONGHAUL_API_PORT,
    model: parsed.LONGHAUL_MODEL,
    readerModel: parsed.LONGHAUL_READER_MODEL ?? null,
    standIn: parsed.LONGHAUL_STAND_IN === '1',
    profilesFile: parsed.LONGHAUL_PROFILES_FILE ?? null,
    toolsFile: parsed.LONGHAUL_TOOLS_FILE ?? null,
    timeZone: parsed.LONGHAUL_TIME_ZONE,
    tenant: 'default',
  };
}

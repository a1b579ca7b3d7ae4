import type { PoolName } from '../../../domain/tools.ts';
import { type StackEnv, usesRealModel } from './stack-config.ts';

/** Where the parts of a stack are, once they are known. */
export interface PartPlaces {
  readonly temporal: Readonly<Record<string, string>>;
  readonly store: string;
  readonly queuePrefix: string;
  /** Of the stand-in; null with a real model. */
  readonly standInUrl: string | null;
  readonly corpus: { readonly folder: string; readonly host: string } | null;
  readonly sandboxDirectory: string;
}

type Env = Record<string, string>;
type HostEnv = Readonly<Record<string, string | undefined>>;

/** What all parts are told from. */
export interface StackFacts {
  /** The environment in which the stack was started. */
  readonly host: HostEnv;
  readonly env: StackEnv;
  readonly places: PartPlaces;
}

/** Name under which the stand-in is asked, so that nobody takes it for a model. */
const standInModel = 'longhaul-stand-in';

/** What every program needs, and no more: nothing that names a key or an account. */
const systemNames = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_CACHE_HOME'];
/** What a program needs that calls other hosts. */
const networkNames = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'NODE_USE_ENV_PROXY',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];
/** What the S3 client reads. */
const storeNames = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_PROFILE',
  'AWS_SHARED_CREDENTIALS_FILE',
  'AWS_CONFIG_FILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_ROLE_ARN',
];

function pick(env: HostEnv, names: readonly string[]): Env {
  const entries = names.map((name) => [name, env[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Environment of a server that is told everything by its arguments. */
export function toServerEnv(host: HostEnv): Env {
  return pick(host, systemNames);
}

/** How a client reaches the engine: our own server, or the one that `TEMPORAL_*` names. */
export function toTemporalEnv(
  host: HostEnv,
  own: { readonly address: string; readonly profileFile: string } | null,
): Env {
  if (own !== null) {
    return { TEMPORAL_ADDRESS: own.address, TEMPORAL_NAMESPACE: 'default', TEMPORAL_CONFIG_FILE: own.profileFile };
  }
  return pick(
    host,
    Object.keys(host).filter((name) => name.startsWith('TEMPORAL_')),
  );
}

function toSharedEnv({ host, env, places }: StackFacts): Env {
  const isS3 = places.store.startsWith('s3:');
  return {
    ...toServerEnv(host),
    ...(isS3 ? { ...pick(host, storeNames), ...pick(host, networkNames) } : {}),
    ...(isS3 && env.LONGHAUL_S3_ENDPOINT !== undefined ? { LONGHAUL_S3_ENDPOINT: env.LONGHAUL_S3_ENDPOINT } : {}),
    ...places.temporal,
    LONGHAUL_STORE: places.store,
    LONGHAUL_QUEUE_PREFIX: places.queuePrefix,
  };
}

/** The model's address and key: for the pools that ask it, and for nobody else. */
function toModelEnv(host: HostEnv, places: PartPlaces): Env {
  if (places.standInUrl !== null) return { OPENAI_BASE_URL: places.standInUrl };
  return pick(host, ['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'LONGHAUL_MODEL_POOLS_FILE', ...networkNames]);
}

/** Search offline over the corpus, or with Serper; the corpus server is the only address on this machine that may be fetched. */
function toSearchEnv(host: HostEnv, { corpus }: PartPlaces): Env {
  if (corpus === null) return pick(host, ['SERPER_API_KEY', 'SERPER_BASE_URL', ...networkNames]);
  return {
    LONGHAUL_CORPUS: corpus.folder,
    LONGHAUL_CORPUS_HOST: corpus.host,
    LONGHAUL_FETCH_ALLOW: corpus.host,
  };
}

/** Environment of a pool: what this pool needs, and nothing else; the sandbox pool has no key of anything but the store. */
export function toPoolEnv(
  pool: PoolName,
  { host, env, places, healthPort }: StackFacts & { readonly healthPort: number },
): Env {
  const ownOfPool = {
    orchestrator: () => ({}),
    model: () => toModelEnv(host, places),
    web: () => ({ ...toModelEnv(host, places), ...toSearchEnv(host, places) }),
    sandbox: () => ({ LONGHAUL_SANDBOX_DIR: places.sandboxDirectory }),
    tools: () => ({ ...pick(host, ['LONGHAUL_TOOLS_FILE', ...networkNames]) }),
  } satisfies Record<PoolName, () => Env>;
  return {
    ...toSharedEnv({ host, env, places }),
    ...ownOfPool[pool](),
    LONGHAUL_POOLS: pool,
    LONGHAUL_DRAIN_MS: String(env.LONGHAUL_DRAIN_MS),
    LONGHAUL_HEALTH_PORT: String(healthPort),
  };
}

/** Environment of the API. */
export function toApiEnv({ host, env, places, apiPort }: StackFacts & { readonly apiPort: number }): Env {
  return {
    ...toSharedEnv({ host, env, places }),
    ...pick(host, ['LONGHAUL_TOOLS_FILE', 'LONGHAUL_PROFILES_FILE', 'LONGHAUL_READER_MODEL', 'LONGHAUL_TIME_ZONE']),
    LONGHAUL_MODEL: env.LONGHAUL_MODEL ?? standInModel,
    LONGHAUL_STAND_IN: usesRealModel(env) ? '0' : '1',
    LONGHAUL_API_HOST: '127.0.0.1',
    LONGHAUL_API_PORT: String(apiPort),
  };
}

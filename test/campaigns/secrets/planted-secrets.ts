import { createHash } from 'node:crypto';

/** Environment variables of ours that hold secrets, or addresses in which people put them. */
const secretVariables = [
  'OPENAI_API_KEY',
  'SERPER_API_KEY',
  'BRAVE_API_KEY',
  'TAVILY_API_KEY',
  'EXA_API_KEY',
  'JINA_API_KEY',
] as const;

/** Variables of others that are in a worker's environment by accident. */
const strangers = (
  'AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GITHUB_TOKEN DATABASE_URL PGPASSWORD REDIS_URL SLACK_TOKEN STRIPE_KEY SENTRY_DSN NPM_TOKEN KUBE_TOKEN ' +
  'SSH_KEY_PEM SESSION_COOKIE JWT SMTP_PASSWORD LDAP_BIND_PASSWORD VAULT_TOKEN GOOGLE_CREDENTIALS AZURE_CLIENT_SECRET HF_TOKEN ANTHROPIC_API_KEY DOCKER_AUTH BASIC_AUTH ' +
  'TOTP_SEED ENCRYPTION_KEY WEBHOOK_SECRET COOKIE_SECRET CUSTOMER_MAIL CUSTOMER_PHONE CUSTOMER_CARD CUSTOMER_IBAN PROXY_PASSWORD TEMPORAL_CODEC_KEY'
).split(' ');

/** Secrets by the variable that holds them. */
export type PlantedSecrets = Readonly<Record<string, string>>;

/** Makes a secret for every variable; the same seed makes the same ones. */
export function plantSecrets(seed: number): PlantedSecrets {
  return Object.fromEntries([...secretVariables, ...strangers].map((name) => [name, toSecret(name, seed)]));
}

/** In the shape that such a secret has, with a core that occurs nowhere else. */
function toSecret(name: string, seed: number): string {
  const core = createHash('sha256').update(`${seed} ${name}`).digest('hex').slice(0, 32);
  if (name.endsWith('_URL')) return `postgres://user:${core}@db.example/x`;
  if (name.endsWith('_PEM')) return `-----BEGIN PRIVATE KEY-----${core}-----END PRIVATE KEY-----`;
  if (name === 'JWT') return `eyJhbGciOiJIUzI1NiJ9.${core}.${core.slice(0, 20)}`;
  if (name === 'CUSTOMER_MAIL') return `${core}@customer.example`;
  return `sk-${core}`;
}

/** What must be seen nowhere: the core of each. */
export function toCores(secrets: PlantedSecrets): string[] {
  return Object.values(secrets).flatMap((secret) => /[0-9a-f]{32}/.exec(secret)?.[0] ?? []);
}

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCanaries } from '../../../domain/egress/canary-strings.ts';
import type { Campaign, CampaignResult } from '../support/campaign.ts';
import { plantSecrets, toCores } from './planted-secrets.ts';
import { configSinks, pageSinks, processSinks, providerSinks, type Sink } from './secret-sinks.ts';

interface SecretsResult extends CampaignResult {
  readonly cases: number;
  readonly positiveControls: number;
  readonly canaryHits: number;
  readonly escapes: number;
  readonly workerDeaths: number;
  readonly sinks: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
}

/** How a secret looks when it gets away; each must be found, or a clean sink would mean nothing. */
const disguises: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  (secret) => Buffer.from(secret).toString('base64'),
  (secret) => Buffer.from(`x${secret}`).toString('base64'),
  (secret) => Buffer.from(secret).toString('hex'),
  (secret) => Array.from(secret).toReversed().join(''),
  (secret) => Array.from(secret, (character) => `%${(character.codePointAt(0) ?? 0).toString(16)}`).join(''),
  (secret) => secret.replaceAll(/(.{5})/g, '$1-'),
];

/**
 * Plants secrets in the environment, keys and addresses of workers and looks for them, in every disguise, wherever something is shown: the
 * configuration and its errors, failures of providers that send our key back, headers of requests to pages, processes and their output.
 */
export const runSecretsCampaign: Campaign = async (context, options): Promise<SecretsResult> => {
  const secrets = plantSecrets(options.seed);
  const cores = toCores(secrets);
  const fired = cores.filter((core, index) => {
    const disguise = disguises[index % disguises.length] ?? String;
    return findCanaries(`a log line {"key": "${disguise(core)}"}`, [core]).length > 0;
  }).length;
  const before = { ...process.env };
  Object.assign(process.env, secrets);
  const file = join(context.directory, 'page.html');
  await writeFile(file, '<title>T</title><p>A page that is read.');
  try {
    const sinks = [
      ...configSinks(secrets),
      ...(await providerSinks(secrets)),
      ...(await pageSinks()),
      ...(await processSinks(secrets, file)),
    ];
    return judge(sinks, { cores, fired, seed: options.seed });
  } finally {
    for (const name of Object.keys(secrets)) delete process.env[name];
    Object.assign(process.env, before);
  }
};

function judge(
  sinks: readonly Sink[],
  { cores, fired, seed }: { readonly cores: readonly string[]; readonly fired: number; readonly seed: number },
): SecretsResult {
  const found = sinks.map(({ name, text }) => ({
    name,
    hits: findCanaries(text, cores).length,
    isEmpty: text.trim() === '',
  }));
  const hits = found.reduce((sum, sink) => sum + sink.hits, 0);
  const broken = found.flatMap(({ name, hits: own, isEmpty }) => [
    ...(own > 0 ? [`${name}: ${own} secrets`] : []),
    ...(isEmpty && !name.startsWith('environment') ? [`${name}: nothing to look at`] : []),
  ]);
  if (fired !== cores.length) broken.push('a control did not fire');
  return {
    campaign: 'secrets',
    seed,
    cases: cores.length * sinks.length,
    positiveControls: cores.length,
    fired,
    canaryHits: hits,
    escapes: hits,
    workerDeaths: 0,
    sinks: Object.fromEntries(found.map(({ name, hits: own }) => [name, own])),
    broken,
    violations: broken.length,
    ok: broken.length === 0,
  };
}

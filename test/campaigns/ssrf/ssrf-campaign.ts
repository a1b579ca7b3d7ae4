import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import type { Campaign, CampaignContext, CampaignResult } from '../support/campaign.ts';

interface SsrfResult extends CampaignResult {
  readonly cases: number;
  readonly positiveControls: number;
  readonly canaryHits: number;
  readonly escapes: number;
  readonly workerDeaths: number;
  readonly addresses: number;
  readonly byMode: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
}

const childResultSchema = z.object({
  cases: z.int(),
  positiveControls: z.int(),
  fired: z.int(),
  byMode: z.record(z.string(), z.int()),
  broken: z.array(z.string()),
  addresses: z.int(),
  canaryHits: z.int(),
});

const shortAlternations = 200;
/** *Source:* the number of alternations that is documented for the long form. */
const fullAlternations = 10_000;

/** Makes every address of both families this machine's own, inside the namespace only. */
const setUp =
  'ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo && exec "$@"';

/**
 * Tries to reach forbidden addresses through the web tools: directly, by redirect, by name, and by a name that changes its answer. It
 * happens in a network namespace of its own, where a canary listens on every address there is.
 */
export const runSsrfCampaign: Campaign = async (context, options): Promise<SsrfResult> => {
  const alternations = options.points ?? (options.full ? fullAlternations : shortAlternations);
  const output = await runInNamespace(context, String(alternations));
  const child = childResultSchema.parse(JSON.parse(output));
  const { broken } = child;
  const violations = broken.length + child.canaryHits;
  context.report(
    `${child.addresses} URLs, ${child.cases} cases, ${child.fired} of ${child.positiveControls} controls fired`,
  );
  return {
    campaign: 'ssrf',
    seed: options.seed,
    cases: child.cases,
    positiveControls: child.positiveControls,
    fired: child.fired,
    canaryHits: child.canaryHits,
    escapes: child.canaryHits,
    workerDeaths: 0,
    addresses: child.addresses,
    byMode: child.byMode,
    broken: broken.slice(0, 20),
    violations,
    ok: violations === 0,
  };
};

function runInNamespace(context: CampaignContext, argument: string): Promise<string> {
  const script = fileURLToPath(new URL('./ssrf-child.ts', import.meta.url));
  const isRoot = process.getuid?.() === 0;
  const flags = isRoot ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const inside = ['sh', '-c', setUp, 'sh', process.execPath, '--no-warnings', script, argument];
  return new Promise((resolve, reject) => {
    const child = spawn('unshare', [...flags, '--', ...inside], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const stop = (): void => void child.kill('SIGKILL');
    context.signal.addEventListener('abort', stop, { once: true });
    child.once('error', () => reject(cannotRun('unshare is missing')));
    child.once('close', (code) => {
      context.signal.removeEventListener('abort', stop);
      if (code === 0) resolve(output);
      else reject(cannotRun(errors.slice(0, 1000) || `ended with ${code}`));
    });
  });
}

function cannotRun(why: string): AppError {
  return new AppError('Config.Invalid', {
    what: `no network namespace could be made: ${why}`,
    mend: 'Run as root, or where users may make namespaces; unshare and ip are needed.',
  });
}

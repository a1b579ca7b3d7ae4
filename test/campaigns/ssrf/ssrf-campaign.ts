import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Campaign, CampaignResult } from '../support/campaign.ts';
import { runInNamespace } from '../support/namespace.ts';

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

/**
 * Tries to reach forbidden addresses through the web tools: directly, by redirect, by name, and by a name that changes its answer. It
 * happens in a network namespace of its own, where a canary listens on every address there is.
 */
export const runSsrfCampaign: Campaign = async (context, options): Promise<SsrfResult> => {
  const alternations = options.points ?? (options.full ? fullAlternations : shortAlternations);
  const output = await runInNamespace(context, [
    fileURLToPath(new URL('./ssrf-child.ts', import.meta.url)),
    String(alternations),
  ]);
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

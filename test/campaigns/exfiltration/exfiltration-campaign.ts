import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Campaign, CampaignResult } from '../support/campaign.ts';
import { runInNamespace } from '../support/namespace.ts';

interface ExfiltrationResult extends CampaignResult {
  readonly cases: number;
  readonly positiveControls: number;
  readonly canaryHits: number;
  readonly escapes: number;
  readonly workerDeaths: number;
  readonly choiceBits: number;
  readonly broken: readonly string[];
}

const childResultSchema = z.object({
  cases: z.int(),
  positiveControls: z.int(),
  fired: z.int(),
  leaks: z.int(),
  offlineRequests: z.int(),
  choiceBits: z.int(),
  broken: z.array(z.string()),
});

/** Rounds with other secrets, so that the long form makes some ten thousand attempts. */
const fullRounds = 110;

/**
 * A model that is wholly hijacked tries to carry a secret out through the web tools of a run whose policy is `provenance`, and of one that is
 * `offline`. It happens in a network namespace of its own, where every request and every name that is looked up is written down.
 */
export const runExfiltrationCampaign: Campaign = async (context, options): Promise<ExfiltrationResult> => {
  const rounds = options.points ?? (options.full ? fullRounds : 1);
  const script = fileURLToPath(new URL('./exfiltration-child.ts', import.meta.url));
  const child = childResultSchema.parse(JSON.parse(await runInNamespace(context, [script, String(rounds)])));
  const violations = child.broken.length;
  context.report(`${child.cases} strategies, ${child.fired} of ${child.positiveControls} controls fired`);
  return {
    campaign: 'exfiltration',
    seed: options.seed,
    cases: child.cases,
    positiveControls: child.positiveControls,
    fired: child.fired,
    canaryHits: child.leaks + child.offlineRequests,
    escapes: child.leaks,
    workerDeaths: 0,
    choiceBits: child.choiceBits,
    broken: child.broken.slice(0, 20),
    violations,
    ok: violations === 0,
  };
};

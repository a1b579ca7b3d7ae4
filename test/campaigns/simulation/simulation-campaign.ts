import { simulate } from '../../simulation/simulate.ts';
import type { CampaignContext, CampaignOptions, CampaignResult } from '../support/campaign.ts';

const shortForm = 200_000;
const longForm = 10_000_000;
const chunk = 50_000;

/**
 * The step protocol against a simulated store, clock and crashing workers: `points` seeds from `seed` on.
 *
 * A seed that breaks an invariant is printed; `--points 1 --seed N` runs it alone.
 */
export async function runSimulationCampaign(
  { report, signal }: CampaignContext,
  { points, seed, full }: CampaignOptions,
): Promise<CampaignResult & Readonly<Record<string, unknown>>> {
  const asked = points ?? (full ? longForm : shortForm);
  const total = { crashes: 0, freezes: 0, closings: 0, resets: 0 };
  const broken: number[] = [];
  let seeds = 0;
  while (seeds < asked) {
    signal.throwIfAborted();
    const part = await simulate({ from: seed + seeds, seeds: Math.min(chunk, asked - seeds) });
    for (const name of ['crashes', 'freezes', 'closings', 'resets'] as const) total[name] += part[name];
    for (const found of part.broken) {
      broken.push(found.seed);
      report(`seed ${found.seed}: ${found.violations.join('; ')}`);
    }
    seeds += part.seeds;
    report(`${seeds} of ${asked} seeds, ${broken.length} broken`);
  }
  const fired = total.crashes + total.freezes + total.closings + total.resets;
  const violations = broken.length;
  const ok = violations === 0 && fired > 0;
  return { campaign: 'simulation', points: seeds, seed, fired, violations, ...total, broken, ok };
}

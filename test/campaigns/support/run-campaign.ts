import { openBenchContext } from '../../../bench/support/bench-context.ts';
import type { Campaign, CampaignOptions, CampaignResult } from './campaign.ts';

/** Runs a campaign inside a test, in a context of its own. */
export async function runCampaign(
  campaign: Campaign,
  options: Partial<CampaignOptions> = {},
): Promise<CampaignResult & Readonly<Record<string, unknown>>> {
  const { context, close } = await openBenchContext({ signal: new AbortController().signal, profileDirectory: null });
  try {
    return {
      ...(await campaign({ ...context, report: () => {} }, { points: null, seed: 1, full: false, ...options })),
    };
  } finally {
    await close();
  }
}

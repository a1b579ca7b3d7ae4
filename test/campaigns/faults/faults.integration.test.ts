import { expect, it } from 'vitest';
import type { Campaign } from '../support/campaign.ts';
import { runCampaign } from '../support/run-campaign.ts';
import { runDiskCampaign } from './disk.ts';
import { runEverythingCampaign } from './everything.ts';
import { runFreezeCampaign } from './freeze.ts';
import { runKillCampaign } from './kill.ts';
import { runModelCampaign } from './model.ts';
import { runServerCampaign } from './server.ts';
import { runStoreCampaign } from './store.ts';

/** The short form of each: what it breaks, and how often. */
const campaigns: readonly (readonly [name: string, campaign: Campaign, points: number])[] = [
  ['kill', runKillCampaign, 120],
  ['freeze', runFreezeCampaign, 3],
  ['server', runServerCampaign, 3],
  ['store', runStoreCampaign, 40],
  ['model', runModelCampaign, 48],
  ['disk', runDiskCampaign, 1],
  ['everything', runEverythingCampaign, 1],
];

it.each(campaigns)(
  '%s: every invariant is kept, and work goes on after each fault',
  { timeout: 1_200_000 },
  async (_name, campaign, points) => {
    const result = await runCampaign(campaign, { points, seed: 1 });
    const whole = { violations: 0, lost: 0, repeated: 0, digestEqual: true, problems: [], ok: true };
    expect(result).toMatchObject({ points, fired: points, ...whole });
  },
);

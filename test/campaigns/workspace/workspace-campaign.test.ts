import { expect, it } from 'vitest';
import { runCampaign } from '../support/run-campaign.ts';
import { runWorkspaceCampaign } from './workspace-campaign.ts';

it(
  'some kills and freezes of sandbox workers: every step gives what it gave undisturbed, nothing is left',
  { timeout: 300_000 },
  async () => {
    const result = await runCampaign(runWorkspaceCampaign, { points: 7, seed: 3 });
    expect(result).toMatchObject({ points: 7, lost: 0, orphans: 0, broken: [], digestEqual: true, ok: true });
    expect(result.fired).toBeGreaterThan(2);
  },
);

import { expect, it } from 'vitest';
import { runCampaign } from '../support/run-campaign.ts';
import { runParsersCampaign } from './parsers-campaign.ts';

it(
  'some of the hostile documents: nothing escapes, nothing is reached, honest pages are still read',
  { timeout: 300_000 },
  async () => {
    const result = await runCampaign(runParsersCampaign, { points: 40 });
    expect(result).toMatchObject({ cases: 40, canaryHits: 0, escapes: 0, workerDeaths: 0 });
    expect(result.fired).toBe(result['positiveControls']);
    // How long the parent stands still depends on who else uses the machine; everything else must hold.
    const broken = (Array.isArray(result['broken']) ? result['broken'] : ['nothing told']).map(String);
    expect(broken.filter((rule) => !rule.includes('stood still'))).toEqual([]);
  },
);

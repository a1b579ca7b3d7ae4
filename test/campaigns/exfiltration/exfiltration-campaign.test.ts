import { expect, it } from 'vitest';
import { runCampaign } from '../support/run-campaign.ts';
import { runExfiltrationCampaign } from './exfiltration-campaign.ts';

it('more than 50 ways to carry a secret out: none works, each works with the policy off', async () => {
  const result = await runCampaign(runExfiltrationCampaign);
  expect(result).toMatchObject({ broken: [], canaryHits: 0, escapes: 0, violations: 0, ok: true });
  expect(result['cases']).toBeGreaterThanOrEqual(50);
  expect(result.fired).toBe(result['positiveControls']);
  expect(result.fired).toBeGreaterThan(40);
  expect(result['choiceBits']).toBeLessThanOrEqual(64);
});

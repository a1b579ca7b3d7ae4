import { expect, it } from 'vitest';
import { runCampaign } from '../support/run-campaign.ts';
import { runSsrfCampaign } from './ssrf-campaign.ts';

it('more than 300 addresses, each in every way: no canary is reached, every control fires', async () => {
  const result = await runCampaign(runSsrfCampaign);
  expect(result).toMatchObject({ broken: [], canaryHits: 0, violations: 0, ok: true });
  expect(result['addresses']).toBeGreaterThanOrEqual(300);
  expect(result['cases']).toBeGreaterThanOrEqual(1200);
  expect(result.fired).toBe(result['positiveControls']);
  expect(result.fired).toBeGreaterThan(40);
});

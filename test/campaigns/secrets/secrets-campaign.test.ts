import { expect, it } from 'vitest';
import { runCampaign } from '../support/run-campaign.ts';
import { runSecretsCampaign } from './secrets-campaign.ts';

it('more than 40 planted secrets: none is shown anywhere, each would be found', { timeout: 120_000 }, async () => {
  const result = await runCampaign(runSecretsCampaign);
  expect(result).toMatchObject({ broken: [], canaryHits: 0, violations: 0, ok: true });
  expect(result.fired).toBeGreaterThanOrEqual(40);
  expect(result.fired).toBe(result['positiveControls']);
});

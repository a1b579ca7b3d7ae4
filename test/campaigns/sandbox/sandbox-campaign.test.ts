import { expect, it } from 'vitest';
import { runCampaign } from '../support/run-campaign.ts';
import { runSandboxCampaign } from './sandbox-campaign.ts';

it(
  'every probe from inside and some cases from outside: nothing gets out, and without a box they do',
  { timeout: 300_000 },
  async () => {
    const result = await runCampaign(runSandboxCampaign, { points: 3 });
    expect(result).toMatchObject({ canaryHits: 0, escapes: 0, workerDeaths: 0, violations: 0, broken: [], ok: true });
    expect(result['cases']).toBeGreaterThan(200);
    expect(result.fired).toBe(result['positiveControls']);
    expect(result.fired).toBeGreaterThan(80);
  },
);

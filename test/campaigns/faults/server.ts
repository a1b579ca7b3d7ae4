import type { Campaign } from '../support/campaign.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';

async function disturb(scene: Scene): Promise<void> {
  const { arena, random, points } = scene;
  for (let made = 0; made < points && (await scene.progress(random.between(5, 30)));) {
    await scene.pause(random.between(0, 300));
    if (!(await arena.engine.crash())) continue;
    made += 1;
    scene.fire('SIGKILL of the Temporal server');
    await scene.pause(random.between(0, 3_000));
    await arena.engine.start();
  }
}

const plan: FaultPlan = {
  campaign: 'server',
  points: { short: 4, full: 100 },
  arena: { store: { kind: 'directory' }, turns: 150 },
  steadyRuns: 1,
  withEffectful: true,
  // Both a step's result and what the engine knew of it may be lost on the way; the ledger has it.
  extraCallsEach: 1,
  disturb,
};

/** The Temporal server killed at random moments, away for up to three seconds, and started again on its database. */
export const runServerCampaign: Campaign = (context, options) => runFaultCampaign(context, options, plan);

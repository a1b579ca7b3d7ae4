import type { Campaign } from '../support/campaign.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';

async function disturb(scene: Scene): Promise<void> {
  const { arena, random, points } = scene;
  for (let made = 0; made < points && (await scene.progress(random.between(5, 60)));) {
    await scene.pause(random.between(0, 300));
    const crashed = await Promise.all(arena.residents.map((resident) => resident.crash()));
    if (!crashed.every(Boolean)) throw new Error('a process had been down already');
    made += 1;
    scene.fire(`SIGKILL of all ${crashed.length} processes and their children`);
    await scene.pause(random.between(0, 2_000));
    // The engine and the store first: the others wait for them, as they would after a power cut.
    const [engine, ...others] = arena.residents;
    await engine?.start();
    if (arena.store.server !== null) await arena.store.server.start();
    await Promise.all(others.map((resident) => resident.start()));
  }
}

const plan: FaultPlan = {
  campaign: 'everything',
  points: { short: 2, full: 50 },
  arena: { store: { kind: 's3' }, turns: 100 },
  steadyRuns: 1,
  withEffectful: true,
  extraCallsEach: 1,
  disturb,
};

/** Everything killed at once (engine, store, pools, API) and started again. */
export const runEverythingCampaign: Campaign = (context, options) => runFaultCampaign(context, options, plan);

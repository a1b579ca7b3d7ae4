import { type Fault } from '../../activities/storage/faulty-proxy.ts';
import type { Campaign } from '../support/campaign.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';

/** What may happen to a request on its way to the store, and how likely it is that something does. */
const faults: readonly (readonly [name: string, fault: Fault])[] = [
  ['500', { status: 500 }],
  ['503', { status: 503 }],
  ['reset', 'reset'],
  ['late success', 'execute-and-reset'],
  ['truncation', 'truncate'],
];
const probability = 0.15;

async function disturb(scene: Scene): Promise<void> {
  const { arena, random, points } = scene;
  const { proxy } = arena.store;
  if (proxy === null) throw new Error('this campaign needs a proxy before its store');
  let made = 0;
  proxy.fault = (method, path) => {
    if (made === points || !random.chance(probability)) return undefined;
    const [name, fault] = random.pick(faults);
    // Only an answer with a body can break off.
    if (fault === 'truncate' && method !== 'GET') return undefined;
    made += 1;
    scene.fire(`${name} for ${method} …${path.slice(-24)}`);
    return fault;
  };
  for (let isOn = true; isOn;) isOn = made < points && (await scene.progress(1));
  proxy.fault = () => undefined;
}

const plan: FaultPlan = {
  campaign: 'store',
  points: { short: 60, full: 5_000 },
  arena: { store: { kind: 'faulty-s3' }, turns: 100 },
  steadyRuns: 1,
  withEffectful: true,
  extraCallsEach: 1,
  disturb,
};

/** Errors, resets, late successes and truncated answers between the pools and a real S3 server. */
export const runStoreCampaign: Campaign = (context, options) => runFaultCampaign(context, options, plan);

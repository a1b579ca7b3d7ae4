import type { Campaign } from '../support/campaign.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';
import { type Resident, signalProcess } from './resident.ts';

/** Turns of a run; two steps each. */
const turns = 300;

/** Something that may be killed now. */
interface Victim {
  readonly name: string;
  /** `false` when it was not there. */
  readonly kill: () => Promise<boolean>;
  /** What an init would start again; null where a supervisor does it. */
  readonly revive: Resident | null;
}

function listVictims({ arena }: Scene): Victim[] {
  const workers = arena.pools.map(({ pool, health }) => ({
    name: `worker ${pool}`,
    kill: async () => {
      const pid = (await health())?.workerPid ?? null;
      return pid !== null && signalProcess(pid, 'SIGKILL');
    },
    revive: null,
  }));
  const residents = [...arena.pools.map(({ supervisor }) => supervisor), arena.api].map((resident) => ({
    name: resident.name,
    kill: () => resident.crash(),
    revive: resident,
  }));
  // Workers do the work: three of four kills meet one.
  return [...workers, ...workers, ...workers, ...residents];
}

async function disturb(scene: Scene): Promise<void> {
  const { random, points, arena } = scene;
  const victims = listVictims(scene);
  const perFault = Math.max(1, Math.floor((2 * turns) / points));
  const revivals: Promise<void>[] = [];
  let made = 0;
  while (made < points && (await scene.progress(random.between(1, 2 * perFault - 1)))) {
    await scene.pause(random.between(0, 200));
    const victim = random.pick(victims);
    if (!(await victim.kill())) continue;
    made += 1;
    scene.fire(`SIGKILL of ${victim.name}`);
    if (victim.revive !== null) revivals.push(victim.revive.start());
  }
  await Promise.all(revivals);
  arena.context.report(`${made} kills in this round`);
}

const plan: FaultPlan = {
  campaign: 'kill',
  points: { short: 120, full: 1_000 },
  arena: { store: { kind: 'directory' }, turns },
  steadyRuns: 1,
  withEffectful: true,
  extraCallsEach: 1,
  disturb,
};

/** SIGKILL of any process of a run of 600 steps, at random moments. */
export const runKillCampaign: Campaign = (context, options) => runFaultCampaign(context, options, plan);

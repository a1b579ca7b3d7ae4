import type { Campaign } from '../support/campaign.ts';
import type { ArenaPool } from './arena.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';
import { signalProcess } from './resident.ts';

/** Beyond the heartbeat time-out of 25 s: the engine has given the step to another worker. */
const frozenMs = 28_000;
/** How long a worker that woke is watched before the next freeze. */
const awakeMs = 2_000;

/** How long a worker is watched for a step in its hands, before it is frozen with none. */
const busyMs = 3_000;

/** The worker of a pool, at a moment at which it has a step in its hands if there is one; null while there is none. */
async function findBusyWorker(scene: Scene, pool: ArenaPool | undefined): Promise<number | null> {
  const deadline = performance.now() + busyMs;
  for (;;) {
    const health = (await pool?.health()) ?? null;
    if (health === null || health.workerPid === null) return null;
    if (health.inFlight > 0 || performance.now() > deadline) return health.workerPid;
    await scene.pause(10);
  }
}

/** Freezes one worker of each pool at once, while the other worker of the pool lives, and wakes them when their steps are done elsewhere. */
async function disturb(scene: Scene): Promise<void> {
  const { arena, random, points } = scene;
  const frozen: number[] = [];
  const wake = (): void => {
    for (const pid of frozen.splice(0)) signalProcess(pid, 'SIGCONT');
  };
  try {
    for (let made = 0; made < points && (await scene.progress(random.between(5, 30)));) {
      const half = random.between(0, 1);
      const names = [...new Set(arena.pools.map(({ pool }) => pool))];
      for (const name of names) {
        if (made === points) break;
        const twins = arena.pools.filter(({ pool }) => pool === name);
        const pid = await findBusyWorker(scene, twins[half % twins.length]);
        if (pid === null || !signalProcess(pid, 'SIGSTOP')) continue;
        frozen.push(pid);
        made += 1;
        scene.fire(`SIGSTOP of worker ${name}, process ${pid}`);
      }
      await scene.pause(frozenMs);
      // The others took over what the frozen ones held: work went on before they woke.
      const wentOn = await scene.progress(3);
      wake();
      arena.context.report(wentOn ? 'work went on; SIGCONT' : 'the runs ended; SIGCONT');
      await scene.pause(awakeMs);
    }
  } finally {
    wake();
  }
}

const plan: FaultPlan = {
  campaign: 'freeze',
  points: { short: 5, full: 100 },
  arena: { store: { kind: 'directory' }, turns: 60, callMs: 200, workersEach: 2 },
  steadyRuns: 2,
  withEffectful: true,
  extraCallsEach: 1,
  disturb,
};

/** Workers stopped for longer than any time-out, and woken: what they wake up with must change nothing. */
export const runFreezeCampaign: Campaign = (context, options) => runFaultCampaign(context, options, plan);

import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiClient } from '../../../cli/api-client.ts';
import type { Campaign } from '../support/campaign.ts';
import { type FaultPlan, runFaultCampaign, type Scene } from './fault-campaign.ts';

const block = Buffer.alloc(64 * 1024, 1);

/** Fills a file system to its last byte. Returns the file that holds its room. */
async function fill(directory: string): Promise<string> {
  const file = join(directory, 'filler');
  const handle = await open(file, 'w');
  try {
    for (let size = block.length; size >= 1;) {
      try {
        const { bytesWritten } = await handle.write(block, 0, size);
        if (bytesWritten === 0) size = Math.floor(size / 2);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    await handle.close();
  }
  return file;
}

/** The longest time that a step which had begun before may still take, in milliseconds. */
const lastStepsMs = 3_000;
const fullMs = { low: 2_000, high: 6_000 };

async function disturb(scene: Scene): Promise<void> {
  const { arena, random, points } = scene;
  const { directory } = arena.store;
  const client = createApiClient(arena.apiUrl);
  for (let made = 0; made < points && (await scene.progress(random.between(5, 40)));) {
    const filler = await fill(directory);
    const { bavail } = await statfs(directory);
    await scene.pause(lastStepsMs);
    const before = scene.runs.map((run) => run.seen.length);
    await scene.pause(random.between(fullMs.low, fullMs.high));
    const isStill = scene.runs.every((run, index) => run.seen.length === before[index]);
    const reasons = await Promise.all(scene.runs.map(async ({ id }) => (await client.read(id)).waitingFor?.reason));
    await rm(filler);
    if (bavail !== 0 || !isStill || scene.hasEnded() || !reasons.includes('Storage.Full')) continue;
    made += 1;
    scene.fire('the store was full, the runs said so, and nothing was recorded meanwhile');
  }
}

const plan: FaultPlan = {
  campaign: 'disk',
  points: { short: 2, full: 50 },
  arena: { store: { kind: 'small-disk', mib: 96 }, turns: 100 },
  steadyRuns: 1,
  withEffectful: true,
  // A step that is done and cannot be written down is done again once there is room.
  extraCallsEach: null,
  disturb,
};

/** The object store full to the last byte, then room again. */
export const runDiskCampaign: Campaign = (context, options) => runFaultCampaign(context, options, plan);

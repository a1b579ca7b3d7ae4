import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isRoot } from '../../activities/sandbox/sandbox-fixture.ts';
import type { Campaign, CampaignContext, CampaignOptions, CampaignResult } from '../support/campaign.ts';
import { attackBox, type BoxOrder, type BoxResult, findRunsc } from './box-cases.ts';

/** *Source:* Debian's `nobody`. */
const nobody = 65_534;

interface DriverTally {
  readonly cases: number;
  readonly fired: number;
  /** Attacks that this host refuses without any box: the box refusing them shows nothing. */
  readonly withoutControl: number;
  readonly escapes: number;
}

interface SandboxCampaignResult extends CampaignResult {
  readonly cases: number;
  readonly positiveControls: number;
  readonly canaryHits: number;
  readonly escapes: number;
  readonly workerDeaths: number;
  /** By driver, and by whom its worker is. */
  readonly drivers: Readonly<Record<string, DriverTally>>;
  readonly broken: readonly string[];
}

/**
 * Code that wants out, in every kind of box that this host has, with a worker that is root and one that is not: each attack is tried
 * without a box as well, where it must succeed.
 */
export const runSandboxCampaign: Campaign = async (context, options): Promise<SandboxCampaignResult> => {
  let workerDeaths = 0;
  const onDeath = (): void => void (workerDeaths += 1);
  process.on('uncaughtException', onDeath);
  process.on('unhandledRejection', onDeath);
  const results: BoxResult[] = [];
  try {
    const order = { cases: options.points, isFull: options.full };
    results.push(await attackBox({ ...order, runtime: 'bubblewrap' }, context.report));
    if (isRoot) {
      const asUser = await attackAsUser(context, { ...order, runtime: 'bubblewrap' });
      if (asUser === null) workerDeaths += 1;
      else results.push(asUser);
      if (findRunsc() !== null) results.push(await attackBox({ ...order, runtime: 'gvisor' }, context.report));
    }
  } finally {
    process.off('uncaughtException', onDeath);
    process.off('unhandledRejection', onDeath);
  }
  return summarize(options, { results, workerDeaths });
};

/** The same in a process of an ordinary user; null when it died. */
async function attackAsUser(context: CampaignContext, order: BoxOrder): Promise<BoxResult | null> {
  const home = join(context.directory, 'nobody');
  await mkdir(home, { recursive: true });
  await chown(home, nobody, nobody);
  const child = fork(fileURLToPath(new URL('./sandbox-child.ts', import.meta.url)), [], {
    uid: nobody,
    gid: nobody,
    env: { PATH: process.env['PATH'], HOME: home, TMPDIR: home },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  let said: { result?: BoxResult; failed?: string } | null = null;
  child.on('message', (message: { result?: BoxResult; failed?: string }) => {
    said = message;
  });
  child.send(order);
  await once(child, 'exit');
  const { result = null, failed = null } = said ?? ({} as { result?: BoxResult; failed?: string });
  if (failed !== null) throw new Error(failed);
  return result;
}

function summarize(
  options: CampaignOptions,
  { results, workerDeaths }: { readonly results: readonly BoxResult[]; readonly workerDeaths: number },
): SandboxCampaignResult {
  const sum = (count: (result: BoxResult) => number): number =>
    results.reduce((total, result) => total + count(result), 0);
  const broken = results.flatMap(({ escapes }) => escapes);
  const canaryHits = sum((result) => result.canaryHits);
  const [positiveControls, fired] = [sum((result) => result.positiveControls), sum((result) => result.fired)];
  const violations = broken.length + canaryHits + workerDeaths + (positiveControls - fired);
  return {
    campaign: 'sandbox',
    seed: options.seed,
    cases: sum((result) => result.cases),
    positiveControls,
    fired,
    canaryHits,
    escapes: broken.length,
    workerDeaths,
    drivers: Object.fromEntries(results.map((result) => [result.name, toTally(result)])),
    broken: broken.slice(0, 20),
    violations,
    ok: violations === 0 && fired > 0,
  };
}

function toTally({ cases, fired, withoutControl, escapes }: BoxResult): DriverTally {
  return { cases, fired, withoutControl: withoutControl.length, escapes: escapes.length };
}

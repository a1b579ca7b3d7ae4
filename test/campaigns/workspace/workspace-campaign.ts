import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findUids } from '../../../activities/sandbox/adapters/sandbox-processes.ts';
import { toDefaultUidRange } from '../../../activities/sandbox/adapters/sandbox-uids.ts';
import type { SandboxJob, SandboxResult } from '../../../activities/sandbox/ports.ts';
import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { aRef, aSandbox, aSandboxScope, isRoot } from '../../activities/sandbox/sandbox-fixture.ts';
import { type SandboxOrder, type SandboxReport, stepPoints } from '../../activities/sandbox/sandbox-order.ts';
import { type SandboxWorker, startWorker } from '../../activities/sandbox/sandbox-worker.ts';
import { createRandom, type Random } from '../../support/random.ts';
import type { Campaign, CampaignContext, CampaignOptions, CampaignResult } from '../support/campaign.ts';

const points = { short: 40, full: 500 } as const;

/** Steps of the run that is disturbed: each needs the files of the one before, and would show if it were done twice. */
const jobs: readonly Pick<SandboxJob, 'kind' | 'source'>[] = [
  { kind: 'shell', source: 'echo 1 >> log; mkdir -p data; for i in $(seq 50); do echo $i > data/$i; done' },
  {
    kind: 'python',
    source: 'import math\ntotal = 0\ndef add(n):\n    global total\n    total += n\n    return total\nadd(1)',
  },
  { kind: 'shell', source: 'echo 2 >> log; rm data/1; ln -s data/2 link; sleep 0.3; cat log; ls data | wc -l' },
  { kind: 'python', source: 'open("big", "wb").write(bytes(range(256)) * 40000)\nadd(10)' },
  { kind: 'shell', source: 'echo 3 >> log; tail -c 100 big | wc -c; printf x >> big; mv data/2 data/two; cat log' },
  { kind: 'python', source: 'import time\ntime.sleep(0.3)\nprint(add(100), len(open("log").read()))' },
  { kind: 'shell', source: 'echo 4 >> log; chmod 500 data; find . -type f | sort | xargs wc -c | tail -1; cat log' },
];

interface WorkspaceResult extends CampaignResult {
  readonly points: number;
  /** Steps whose result was another one than the undisturbed run's. */
  readonly lost: number;
  readonly digestEqual: boolean;
  /** Processes, workspaces and uids that nobody owns after a sweep. */
  readonly orphans: number;
  readonly byFault: Readonly<Record<string, number>>;
  readonly broken: readonly string[];
}

interface World {
  readonly random: Random;
  readonly hosts: readonly string[];
  readonly storeDirectory: string;
  /** What each step gave when nobody disturbed it. */
  readonly expected: readonly SandboxResult[];
}

interface Tally {
  fired: number;
  lost: number;
  readonly byFault: Record<string, number>;
  readonly broken: string[];
}

/**
 * A run of sandbox steps on two hosts with one store, whose workers are killed and frozen at random moments: every step must give what
 * it gave undisturbed, and nothing may be left over.
 */
export const runWorkspaceCampaign: Campaign = async (context, options): Promise<WorkspaceResult> => {
  const world = await openWorld(context, options);
  const count = options.points ?? (options.full ? points.full : points.short);
  const tally: Tally = { fired: 0, lost: 0, byFault: {}, broken: [] };
  for (let point = 0; point < count && !context.signal.aborted; point += 1) {
    await disturb(world, point % jobs.length, tally);
    if ((point + 1) % 20 === 0)
      context.report(`${point + 1} of ${count} points, ${tally.fired} faults, ${tally.lost} lost`);
  }
  const orphans = await countOrphans(world);
  const violations = tally.broken.length + orphans + (tally.fired === 0 ? 1 : 0);
  return {
    campaign: 'workspace',
    seed: options.seed,
    points: count,
    fired: tally.fired,
    lost: tally.lost,
    digestEqual: tally.lost === 0,
    orphans,
    byFault: tally.byFault,
    broken: tally.broken.slice(0, 10),
    violations,
    ok: violations === 0,
  };
};

async function openWorld({ directory }: CampaignContext, { seed }: CampaignOptions): Promise<World> {
  const hosts = [join(directory, 'host-a'), join(directory, 'host-b')];
  for (const host of hosts) await mkdir(host);
  const storeDirectory = join(directory, 'store');
  await using undisturbed = await aSandbox({ objects: createDirectoryStore({ directory: join(directory, 'apart') }) });
  const expected: SandboxResult[] = [];
  for (const job of jobs) expected.push(await undisturbed.run(job.source, { kind: job.kind }));
  const world = { random: createRandom(seed), hosts, storeDirectory, expected };
  // The store of the disturbed run begins with what an earlier step would have left there.
  await using first = await aSandbox({ objects: createDirectoryStore({ directory: storeDirectory }) });
  for (const job of jobs) await first.run(job.source, { kind: job.kind });
  return world;
}

type Fault = (
  world: World,
  order: SandboxOrder,
) => Promise<{ readonly fired: boolean; readonly zombie: SandboxWorker | null }>;

/** What may befall the first attempt of a step. */
const faults: Readonly<Record<string, Fault>> = {
  'killed at a point': async ({ random }, order) => {
    const worker = startWorker({ ...order, at: random.pick(stepPoints), how: 'SIGKILL' });
    return { fired: (await worker.ended) === null, zombie: null };
  },
  'killed at a moment': async ({ random }, order) => {
    const worker = startWorker(order);
    await delay(random.between(150, 1_200));
    worker.child.kill('SIGKILL');
    return { fired: (await worker.ended) === null, zombie: null };
  },
  'frozen at a point': async ({ random }, order) => {
    const worker = startWorker({ ...order, at: random.pick(stepPoints), how: 'SIGSTOP' });
    return freeze(worker, worker.stopped());
  },
  'frozen at a moment': async ({ random }, order) => {
    const worker = startWorker(order);
    await delay(random.between(150, 1_200));
    worker.child.kill('SIGSTOP');
    return freeze(worker, worker.stopped());
  },
};

/** One that ended before it could be stopped was not disturbed. */
async function freeze(worker: SandboxWorker, stopped: Promise<void>): ReturnType<Fault> {
  const isStopped = await Promise.race([stopped.then(() => true).catch(() => false), worker.ended.then(() => false)]);
  return isStopped ? { fired: true, zombie: worker } : { fired: false, zombie: null };
}

async function disturb(world: World, step: number, tally: Tally): Promise<void> {
  const { random, hosts, storeDirectory, expected } = world;
  const job = { timeoutMs: 60_000, before: expected[step - 1]?.treeDigest ?? null, ...jobAt(step) };
  const order = (): SandboxOrder => ({
    directory: random.pick(hosts),
    storeDirectory,
    // A fork begins with the same files in a run of its own.
    ref: random.chance(0.2) ? { ...aRef, runId: 'fork' } : aRef,
    job,
    at: null,
    how: 'SIGKILL',
  });
  const name = random.pick(Object.keys(faults));
  const { fired, zombie } = (await faults[name]?.(world, order())) ?? { fired: false, zombie: null };
  if (fired) tally.fired += 1;
  if (fired) tally.byFault[name] = (tally.byFault[name] ?? 0) + 1;
  compare(await startWorker(order()).ended, { step, after: name, world, tally });
  if (zombie === null) return;
  await wake(zombie, { step, after: `${name}, by the one that woke`, world, tally });
  compare(await startWorker(order()).ended, { step, after: `${name}, once more`, world, tally });
}

/** What a frozen worker says once it goes on: the same result, or that it was taken over. */
async function wake(zombie: SandboxWorker, comparison: Comparison): Promise<void> {
  zombie.child.kill('SIGCONT');
  const said = await zombie.ended;
  if (said?.kind === 'result') return compare(said, comparison);
  if (said?.kind !== 'failure' || harmless.has(said.type)) return;
  comparison.tally.broken.push(`a zombie ended with ${said.type}: ${said.message}`);
}

/** What an attempt may end with that was taken over. */
const harmless: ReadonlySet<string> = new Set(['Ledger.Fenced', 'Sandbox.Unavailable']);

function jobAt(step: number): Pick<SandboxJob, 'kind' | 'source'> {
  const job = jobs[step];
  if (job === undefined) throw new Error(`there is no step ${step}`);
  return job;
}

interface Comparison {
  readonly step: number;
  readonly after: string;
  readonly world: World;
  readonly tally: Tally;
}

function compare(said: SandboxReport | null, { step, after, world, tally }: Comparison): void {
  const expected = JSON.stringify(world.expected[step]);
  const got = said?.kind === 'result' ? JSON.stringify(said.result) : JSON.stringify(said);
  if (got === expected) return;
  tally.lost += 1;
  tally.broken.push(
    `step ${step} after a worker was ${after}: ${got.slice(0, 300)} in place of ${expected.slice(0, 300)}`,
  );
}

/** What is left on the hosts once every sandbox that is not in use was swept, beside the newest workspace of each. */
async function countOrphans({ hosts, storeDirectory }: World): Promise<number> {
  let orphans = 0;
  for (const directory of hosts) {
    const box = await aSandbox({ directory, objects: createDirectoryStore({ directory: storeDirectory }) });
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run({ ...aRef, runId: 'last' }, job, aSandboxScope());
    await box.sandbox.sweep();
    for (const run of await box.sandbox.listRuns()) await box.sandbox.destroy(run);
    orphans += (await box.sandbox.listRuns()).length;
    const { first, count } = toDefaultUidRange(directory);
    if (isRoot) orphans += (await findUids({ first, last: first + count - 1 })).size;
    for (const hidden of ['.trash', '.uids'])
      orphans += (await readdir(join(directory, hidden)).catch(() => [])).length;
  }
  return orphans;
}

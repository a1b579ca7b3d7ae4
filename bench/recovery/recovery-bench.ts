import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolName } from '../../domain/tools.ts';
import { demoCorpusFolder } from '../../infra/dev/corpus/demo-question.ts';
import { loadPages } from '../../infra/dev/corpus/pages.ts';
import { z } from 'zod';
import { lcg } from '../../infra/dev/model-server/w600.ts';
import { chooseSandboxDirectory } from '../../infra/dev/stack/sandbox-directory.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { type Bound, findViolations } from '../support/bounds.ts';
import { readChain } from '../support/histories.ts';
import type { PoolPlaces, RunningPool } from '../support/pools.ts';
import { benchProfile } from '../support/profile.ts';
import { readModelLog, readPageLog, readToolLog } from '../support/server-logs.ts';
import { startModel, startServer, startTemporal, startTools, writeToolsFile } from '../support/servers.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { median, percentile } from '../support/statistics.ts';
import { waitFor, within } from '../support/waiting.ts';
import { countRepetition, type Repetition } from './repeated.ts';
import type { Arrivals, Kill, Scene, Subject } from './subject.ts';
import { listSubjects } from './subjects.ts';

/** How large the bench is. */
export interface RecoveryOptions {
  /** Kills of each pool. */
  readonly kills: number;
  readonly pools: readonly PoolName[];
}

/** A pool's figures. */
export interface PoolRecovery {
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly n: number;
  readonly repeated: number;
  readonly reissued: number;
}

/** Between two kills: nobody's worker dies twice in a moment, and a supervisor slows down one that does. */
const peaceMs = 4_000;
const momentLimitMs = 30_000;
const endLimitMs = 60_000;
const corpusListeningSchema = z.looseObject({ listening: z.string(), log: z.string() });

/** Where all subjects find the servers. */
interface Ground {
  readonly temporalAddress: string;
  readonly toolServerUrl: string;
  readonly toolsFile: string;
  readonly corpus: { readonly folder: string; readonly host: string; readonly log: string };
  readonly sandboxDirectory: string;
  /** Numbers in [0, 1): the same ones in every bench. */
  readonly random: () => number;
}

interface Sample extends Repetition {
  readonly ms: number;
}

/** Reads what has arrived at the servers since now. */
async function watchArrivals(ground: Ground, modelUrl: string): Promise<() => Promise<Arrivals>> {
  const read = async () =>
    Promise.all([readModelLog(modelUrl), readToolLog(ground.toolServerUrl), readPageLog(ground.corpus.log)]);
  const [models, tools, pages] = (await read()).map((entries) => entries.length);
  return async () => {
    const [model, tool, page] = await read();
    return { model: model.slice(models), tool: tool.slice(tools), page: page.slice(pages) };
  };
}

/** SIGKILL to the process that polls and works. */
async function killWorker({ pool }: Scene): Promise<Kill> {
  const { workerPid } = await pool.health();
  if (workerPid === null) throw new Error(`pool ${pool.name} has no worker to kill`);
  const atMs = Date.now();
  process.kill(workerPid, 'SIGKILL');
  return { atMs, workerPid };
}

/** One kill, of a pool that has served in peace for a while. */
async function killOnce(context: BenchContext, stage: Stage, { subject, ground, pool }: Trial): Promise<Sample> {
  const { signal } = context;
  await delay(peaceMs, undefined, { signal });
  const arrivals = await watchArrivals(ground, stage.places.modelUrl);
  const { runs } = stage;
  const run = await runs.submit(benchProfile({ tools: subject.tools }));
  const scene: Scene = { run, runs, pool, arrivals };
  const moment = { signal, limitMs: momentLimitMs, what: `a call of pool ${subject.pool} in flight` };
  await waitFor(() => subject.isMoment(scene), moment);
  await delay(ground.random() * subject.spreadMs, undefined, { signal });
  const kill = await killWorker(scene);
  const end = { signal, limitMs: endLimitMs, what: `the end of the run after the kill of pool ${subject.pool}` };
  await within(runs.waitForAnswer(run), end);
  const aftermath = { kill, arrivals: await arrivals(), chain: await readChain(runs.client, run) };
  const nextAtMs = await subject.findNextCall(scene, aftermath);
  const repetition = await countRepetition(runs.storage.trajectory, run, aftermath.arrivals);
  return { ms: nextAtMs - kill.atMs, ...repetition };
}

interface Trial {
  readonly subject: Subject;
  readonly ground: Ground;
  /** The pool under test: one supervisor for all kills. */
  readonly pool: RunningPool;
}

function findPool(stage: Stage, name: PoolName): RunningPool {
  const pool = stage.pools.find((candidate) => candidate.name === name);
  if (pool === undefined) throw new Error(`there is no pool ${name}`);
  return pool;
}

/** All kills of one pool. */
async function measurePool(
  context: BenchContext,
  { subject, ground }: Omit<Trial, 'pool'>,
  kills: number,
): Promise<PoolRecovery> {
  await using ends = new AsyncDisposableStack();
  const model = await startModel(context, `model-${subject.pool}`, subject.scenario);
  ends.defer(() => model.stop());
  const { temporalAddress, toolsFile, corpus, sandboxDirectory } = ground;
  const places: PoolPlaces = {
    temporalAddress,
    toolsFile,
    corpus,
    sandboxDirectory,
    store: `file:${join(context.directory, 'store')}`,
    queuePrefix: `${subject.pool}-`,
    modelUrl: model.url,
  };
  const stage = await openStage(context, places, [subject.pool, ...subject.others]);
  ends.defer(() => stage.close());
  const pool = findPool(stage, subject.pool);
  const samples: Sample[] = [];
  for (let index = 0; index < kills; index += 1) {
    const sample = await killOnce(context, stage, { subject, ground, pool });
    samples.push(sample);
    const { ms, repeated, deliveries } = sample;
    context.report(
      `${subject.pool}: kill ${index + 1} of ${kills}: ${ms} ms to the next call, ${deliveries} deliveries, ${repeated} repeated`,
    );
  }
  const times = samples.map(({ ms }) => ms);
  return {
    medianMs: median(times),
    p95Ms: percentile(times, 0.95),
    n: samples.length,
    repeated: samples.reduce((sum, { repeated }) => sum + repeated, 0),
    reissued: samples.reduce((sum, { reissued }) => sum + reissued, 0),
  };
}

async function startGround(context: BenchContext, ends: AsyncDisposableStack): Promise<Ground> {
  const server = await startTemporal(context, join(context.directory, 'temporal.sqlite'));
  ends.defer(() => server.stop());
  const tools = await startTools(context);
  ends.defer(() => tools.stop());
  const corpusArgs = ['infra/dev/stack/corpus-process.ts', demoCorpusFolder];
  const corpus = await startServer(context, { name: 'corpus', args: corpusArgs });
  ends.defer(() => corpus.stop());
  return {
    temporalAddress: server.address,
    toolServerUrl: tools.url,
    toolsFile: await writeToolsFile(context, tools.url),
    corpus: { folder: demoCorpusFolder, host: corpus.url, log: corpusListeningSchema.parse(corpus.firstLine).log },
    sandboxDirectory: await chooseSandboxDirectory(context.directory),
    random: lcg(7),
  };
}

/** Kills the worker of each pool while a call of it is in flight, and times the way back to the next call. */
export async function runRecoveryBench(context: BenchContext, options: RecoveryOptions) {
  await using ends = new AsyncDisposableStack();
  const ground = await startGround(context, ends);
  const page = loadPages(join(ground.corpus.folder, 'pages.jsonl'), ground.corpus.host)[0];
  const subjects = listSubjects(page?.url ?? '').filter(({ pool }) => options.pools.includes(pool));
  const pools: Partial<Record<PoolName, PoolRecovery>> = {};
  const bounds: Bound[] = [];
  for (const subject of subjects) {
    const { pool, limitMs } = subject;
    const recovery = await measurePool(context, { subject, ground }, options.kills);
    pools[pool] = recovery;
    bounds.push({ field: `${pool}.medianMs`, value: recovery.medianMs, atMost: limitMs });
    bounds.push({ field: `${pool}.repeated`, value: recovery.repeated, atMost: 0 });
    bounds.push({ field: `${pool}.reissued`, value: recovery.reissued, atMost: recovery.n });
  }
  const violations = findViolations(bounds);
  return { bench: 'recovery' as const, ok: violations.length === 0, violations, ...pools };
}

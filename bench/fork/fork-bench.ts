import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiClient } from '../../cli/api-client.ts';
import { fromPublicId, toPublicId } from '../../api/runs/run-schemas.ts';
import type { RunRef } from '../../domain/ids.ts';
import { toStepKey } from '../../domain/record.ts';
import { findFreePort } from '../../infra/dev/ports.ts';
import { toServerEnv } from '../../infra/dev/stack/part-env.ts';
import { measureObjects } from '../history/stored-bytes.ts';
import { startApi } from '../support/api.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { type Bound, findViolations } from '../support/bounds.ts';
import { type PoolPlaces, startPools } from '../support/pools.ts';
import { benchProfile, benchQuestion } from '../support/profile.ts';
import { openRunClient, type RunClient } from '../support/runs.ts';
import { readModelLog, readToolLog } from '../support/server-logs.ts';
import { startModel, startTemporal, startTools, writeToolsFile } from '../support/servers.ts';
import { median, percentile } from '../support/statistics.ts';
import { within } from '../support/waiting.ts';

/** What a fork bench measures. */
export interface ForkOptions {
  /** First step that a fork does anew. */
  readonly step: number;
  readonly forks: number;
}

/** Turns of the workload after the fork's step. */
const turnsBeyond = 10;
const endMs = 300_000;
const pools = ['orchestrator', 'model', 'tools'] as const;

interface Ground {
  readonly places: PoolPlaces;
  readonly storeDirectory: string;
  readonly toolServerUrl: string;
  readonly apiEnv: Readonly<Record<string, string>>;
  readonly turns: number;
}

async function openGround(context: BenchContext, ends: AsyncDisposableStack, step: number): Promise<Ground> {
  const turns = Math.ceil(step / 2) + turnsBeyond;
  const server = await startTemporal(context, join(context.directory, 'temporal.sqlite'));
  ends.defer(() => server.stop());
  const model = await startModel(context, 'model', { generate: 'w600', turns });
  ends.defer(() => model.stop());
  const tools = await startTools(context);
  ends.defer(() => tools.stop());
  const toolsFile = await writeToolsFile(context, tools.url);
  const profilesFile = join(context.directory, 'profiles.json');
  // JSON is YAML.
  await writeFile(profilesFile, JSON.stringify({ profiles: [benchProfile({ tools: ['bench'] })] }));
  const storeDirectory = join(context.directory, 'store');
  const places: PoolPlaces = {
    temporalAddress: server.address,
    store: `file:${storeDirectory}`,
    queuePrefix: 'fork-',
    modelUrl: model.url,
    toolsFile,
    corpus: null,
    sandboxDirectory: null,
  };
  const apiEnv = {
    ...toServerEnv(process.env),
    TEMPORAL_ADDRESS: server.address,
    LONGHAUL_STORE: places.store,
    LONGHAUL_QUEUE_PREFIX: places.queuePrefix,
    LONGHAUL_MODEL: 'longhaul-scripted',
    LONGHAUL_TOOLS_FILE: toolsFile,
    LONGHAUL_PROFILES_FILE: profilesFile,
  };
  return { places, storeDirectory, apiEnv, turns, toolServerUrl: tools.url };
}

/** Runs `work` while the pools are up. */
async function withPools<T>(context: BenchContext, ground: Ground, work: () => Promise<T>): Promise<T> {
  const running = await startPools(context, ground.places, pools);
  try {
    return await work();
  } finally {
    await Promise.all(running.map((pool) => pool.stop()));
  }
}

interface Measured {
  readonly ids: readonly string[];
  readonly forkMs: readonly number[];
  readonly submitMs: readonly number[];
  readonly bytes: readonly number[];
}

async function timed(work: () => Promise<{ readonly id: string }>): Promise<{ id: string; ms: number }> {
  const startedAt = performance.now();
  const { id } = await work();
  return { id, ms: performance.now() - startedAt };
}

/** Forks one after the other, each beside a submission of a new run: the pools are down, so nothing but the door is at work. */
async function measureForks(
  context: BenchContext,
  { ground, parent, options }: { readonly ground: Ground; readonly parent: RunRef; readonly options: ForkOptions },
): Promise<Measured> {
  const api = await startApi(context, ground.apiEnv, await findFreePort());
  try {
    const client = createApiClient(api.url);
    const [ids, forkMs, submitMs, bytes] = [[] as string[], [] as number[], [] as number[], [] as number[]];
    // The first one of each meets a process that has done nothing yet: it is not counted.
    for (let round = 0; round <= options.forks; round += 1) {
      const submission = await timed(() => client.submit({ input: benchQuestion, profile: 'bench' }, null));
      await client.cancel(submission.id);
      const before = await measureObjects(ground.storeDirectory);
      const body = { from_step: options.step, by: 'bench', reason: 'measured' };
      const verb = { path: 'fork', body, key: crypto.randomUUID() };
      const fork = await timed(() => client.hold(toPublicId(parent.runId), verb));
      const after = await measureObjects(ground.storeDirectory);
      ids.push(fork.id);
      if (round === 0) continue;
      forkMs.push(fork.ms);
      submitMs.push(submission.ms);
      bytes.push(after.bytes - before.bytes);
    }
    return { ids, forkMs, submitMs, bytes };
  } finally {
    await api.stop();
  }
}

/** Everything that model and tools were asked. */
async function readRequests({ places, toolServerUrl }: Ground) {
  return [...(await readModelLog(places.modelUrl)), ...(await readToolLog(toolServerUrl))];
}

/** Requests that were made under the key of a shared step, by any of the forks. */
async function countPrefixCalls(
  runs: RunClient,
  { ground, parent, forks, step }: { ground: Ground; parent: RunRef; forks: readonly RunRef[]; step: number },
): Promise<number> {
  const asked = new Set((await readRequests(ground)).map(({ stepKey }) => stepKey));
  let calls = 0;
  for (let seq = 0; seq < step; seq += 1) {
    const found = await runs.storage.trajectory.readStep({ ...parent, seq });
    if (found === null || found.record.requestDigest === null) throw new Error(`step ${seq} is not recorded`);
    const { kind, requestDigest } = found.record;
    calls += forks.filter((fork) => asked.has(toStepKey({ ...fork, seq }, kind, requestDigest))).length;
  }
  return calls;
}

/** Forks a long run at a late step: what it writes, how long it takes, and what it asks of model and tools. */
export async function runForkBench(context: BenchContext, options: ForkOptions) {
  await using ends = new AsyncDisposableStack();
  const ground = await openGround(context, ends, options.step);
  const runs = await openRunClient(ground.places);
  ends.defer(() => runs.close());
  const { signal } = context;
  const parent = await withPools(context, ground, async () => {
    const run = await runs.submit(benchProfile({ tools: ['bench'] }));
    await within(runs.waitForAnswer(run), { signal, limitMs: endMs, what: 'the end of the run that is forked' });
    return run;
  });
  context.report(`a run of ${ground.turns} turns is there; forking it at step ${options.step}`);
  const before = (await readRequests(ground)).length;
  const measured = await measureForks(context, { ground, parent, options });
  const callsWhileForking = (await readRequests(ground)).length - before;
  const forks = measured.ids.map((id) => ({ tenant: parent.tenant, runId: fromPublicId(id) ?? '' }));
  const digests = await withPools(context, ground, async () => {
    for (const fork of forks) {
      const handle = runs.client.workflow.getHandle(`research/${fork.tenant}/${fork.runId}`);
      await within(handle.result(), { signal, limitMs: endMs, what: `the end of fork ${fork.runId}` });
    }
    return Promise.all(forks.map(async (fork) => (await runs.storage.trajectory.readOutcome(fork))?.trajectoryDigest));
  });
  const own = (await runs.storage.trajectory.readOutcome(parent))?.trajectoryDigest;
  const prefixCalls = await countPrefixCalls(runs, { ground, parent, forks, step: options.step });
  return toResult(options, measured, {
    calls: callsWhileForking + prefixCalls,
    // Equal decisions from equal records: a fork that nothing is told ends as its parent did.
    digestEqual: digests.every((digest) => digest !== undefined && digest === own),
  });
}

function toResult(
  { step, forks }: ForkOptions,
  { forkMs, submitMs, bytes }: Measured,
  { calls, digestEqual }: { readonly calls: number; readonly digestEqual: boolean },
) {
  const result = {
    bytes: Math.max(...bytes),
    ms: median(forkMs),
    msP95: percentile(forkMs, 0.95),
    calls,
    submitMs: median(submitMs),
    msOverSubmit: median(forkMs) / median(submitMs),
    step,
    n: forks,
    digestEqual,
  };
  const bounds: Bound[] = [
    { field: 'bytes', value: result.bytes, atMost: 10_240 },
    { field: 'ms', value: result.ms, atMost: 50 },
    { field: 'calls', value: calls, atMost: 0 },
    { field: 'digestEqual', value: Number(digestEqual), atLeast: 1 },
  ];
  const violations = findViolations(bounds);
  return { bench: 'fork' as const, ok: violations.length === 0, violations, ...result };
}

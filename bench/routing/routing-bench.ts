import { OpenAI } from 'openai';
import pLimit from 'p-limit';
import { ulid } from 'ulid';
import { createModelServer } from '../../activities/model/adapters/model-server.ts';
import { createStaticReplicas } from '../../activities/model/adapters/replicas-static.ts';
import { silentObserver } from '../../activities/model/pool/observer.ts';
import { createPooledChat } from '../../activities/model/pool/pooled-chat.ts';
import { type PlacedCall, ReplicaPool } from '../../activities/model/pool/replica-pool.ts';
import { modelPoolSchema } from '../../domain/pool/pool-config.ts';
import { mirothinkerV1 } from '../../domain/profile.ts';
import { lcg } from '../../infra/dev/model-server/w600.ts';
import { ensureInferenceSim } from '../../infra/dev/toolchain/inference-sim.ts';
import {
  type InferenceSimServer,
  simBlockTokens,
  startInferenceSim,
} from '../../infra/dev/toolchain/inference-sim-server.ts';
import type { BenchContext } from '../support/bench-context.ts';
import { findViolations } from '../support/bounds.ts';
import { describeMachine } from '../support/environment.ts';
import { median, percentile, round } from '../support/statistics.ts';
import { conversationOf } from './conversation.ts';

/** How large the bench is. */
export interface RoutingOptions {
  readonly replicas: number;
  readonly runs: number;
  readonly turns: number;
}

/** Room for five contexts a replica at the end of their turns: more than affinity needs, less than all runs everywhere do. */
const kvBlocks = 4_096;
const contextsThatFit = 5;
const callsAtOnce = 4;
const model = 'longhaul-sim';
const warmUpDecisions = 500;

/** Where the turns of a run go: as the pool decides, or to the replica that is named for each turn. */
type Route = (turn: number, ids: readonly string[]) => string | null;

/** A pool that measures how long its choice takes. */
class TimedPool extends ReplicaPool {
  readonly decisionsMs: number[] = [];

  /** Decisions that are not counted, as those of a worker that has just started. */
  warmUp(): void {
    const call = { model, home: null, tokens: 10_000, exclude: new Set<string>() };
    for (let index = 0; index < warmUpDecisions; index += 1) super.choose({ ...call, run: `warm-up-${index}` });
  }

  override choose(call: PlacedCall): ReturnType<ReplicaPool['choose']> {
    // The same question has the same answer: the fastest of three is what it takes when nothing else has the processor.
    const times = [0, 1, 2].map(() => {
      const startedAt = performance.now();
      super.choose(call);
      return performance.now() - startedAt;
    });
    this.decisionsMs.push(Math.min(...times));
    return super.choose(call);
  }
}

function openPool(servers: readonly InferenceSimServer[]): TimedPool {
  const pool = modelPoolSchema.parse({
    replicas: { static: servers.map(({ url }) => ({ url })) },
    models: [{ name: model }],
    concurrency: 16,
    admission: { expectedRunTokens: Math.floor((kvBlocks * simBlockTokens) / contextsThatFit), reserve: 0 },
  });
  return new TimedPool({
    name: 'main',
    pool,
    discovery: createStaticReplicas(pool.replicas.static ?? []),
    observer: silentObserver,
    now: () => Date.now(),
    openServer: ({ url }) => {
      const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0 });
      return createModelServer({ client, url, pool, apiKey: null });
    },
  });
}

/** Tokens looked up and found in all simulators' prefix caches, by their own counters. */
async function readCounters(pool: TimedPool): Promise<{ queried: number; hit: number }> {
  await pool.look();
  const loads = pool.replicas.map(({ load }) => load);
  const sum = (field: 'prefixQueriedTokens' | 'prefixHitTokens'): number =>
    loads.reduce((total, load) => total + (load?.[field] ?? Number.NaN), 0);
  return { queried: sum('prefixQueriedTokens'), hit: sum('prefixHitTokens') };
}

interface Trial {
  readonly binary: string;
  readonly route: Route;
  readonly seed: number;
}

/** All runs over fresh simulators, each call by real HTTP. */
async function measure(
  context: BenchContext,
  { replicas, runs, turns }: RoutingOptions,
  { binary, route, seed }: Trial,
) {
  await using ends = new AsyncDisposableStack();
  const servers: InferenceSimServer[] = [];
  // One after another: each takes the port that is free when it looks.
  for (let index = 0; index < replicas; index += 1) {
    const server = await startInferenceSim({ binary, directory: context.directory, model, kvBlocks });
    ends.defer(() => server.stop());
    servers.push(server);
  }
  const pool = openPool(servers);
  ends.defer(() => pool.close());
  await pool.start();
  pool.warmUp();
  const chat = createPooledChat(pool);
  const ids = pool.replicas.map(({ id }) => id);
  const profile = mirothinkerV1(model);
  const request = { model: { ...profile.model, maxTokens: 16 }, tenant: 'default', priorityKey: 3, begin: () => {} };
  const limit = pLimit(callsAtOnce);
  const play = async (run: number): Promise<void> => {
    const sessionId = ulid(seed + run);
    let turn = 0;
    for (const messages of conversationOf(run, turns)) {
      const call = { stepKey: `${sessionId}-${turn}`, sessionId, home: route(turn, ids), isLast: turn + 1 === turns };
      // The simulator refuses what does not fit beside its running requests; a real server would let it wait.
      await limit(() => chat.complete({ ...request, ...call, messages }, context.signal));
      turn += 1;
    }
  };
  await Promise.all(Array.from({ length: runs }, (_, run) => play(run)));
  const { queried, hit } = await readCounters(pool);
  return { hitShare: round(hit / queried), queriedTokens: queried, decisionsMs: pool.decisionsMs };
}

/** The share of prompts that real prefix-cache counters found, by how turns are routed: 16 runs of 40 turns over eight simulated vLLM servers. */
export async function runRoutingBench(context: BenchContext, options: RoutingOptions) {
  const { report } = context;
  const tool = await ensureInferenceSim({ env: process.env, report });
  const random = lcg(11);
  let next = 0;
  const routes = {
    affine: () => null,
    random: (_turn, ids) => ids[Math.floor(random() * ids.length)] ?? null,
    roundRobin: (_turn, ids) => ids[next++ % ids.length] ?? null,
  } as const satisfies Record<string, Route>;
  const trial = async (name: keyof typeof routes) => {
    report(`${name}: ${options.runs} runs of ${options.turns} turns over ${options.replicas} simulators`);
    return await measure(context, options, { binary: tool.path, route: routes[name], seed: 1_760_000_000_000 });
  };
  const affine = await trial('affine');
  const randomly = await trial('random');
  const roundRobin = await trial('roundRobin');
  const figures = {
    hitShareAffine: affine.hitShare,
    hitShareRandom: randomly.hitShare,
    hitShareRoundRobin: roundRobin.hitShare,
    affineMinusRandom: round(affine.hitShare - randomly.hitShare),
    decisionP99Ms: round(percentile(affine.decisionsMs, 0.99)),
  };
  const violations = findViolations([
    { field: 'affineMinusRandom', value: figures.affineMinusRandom, atLeast: 0.3 },
    { field: 'decisionP99Ms', value: figures.decisionP99Ms, atMost: 1 },
  ]);
  return {
    bench: 'routing' as const,
    ok: violations.length === 0,
    violations,
    ...figures,
    decisionMedianMs: round(median(affine.decisionsMs), 4),
    decisions: affine.decisionsMs.length,
    promptTokens: affine.queriedTokens,
    ...options,
    cacheTokens: kvBlocks * simBlockTokens,
  };
}

/** What it was measured on. */
export async function describeRoutingEnvironment(): Promise<object> {
  const tool = await ensureInferenceSim({ env: process.env, report: () => {} });
  return { ...(await describeMachine()), inferenceSim: tool.version };
}

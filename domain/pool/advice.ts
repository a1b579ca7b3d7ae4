import {
  bestBatch,
  costOfRun,
  decodeStepSeconds,
  longestRun,
  prefillSeconds,
  type RunShape,
  type Serving,
} from './cost-model.ts';

/** What advice is asked for. */
export interface AdviceRequest {
  readonly replicas: number;
  /** Context window in tokens. */
  readonly windowTokens: number;
  /** Longest completion. */
  readonly maxTokens: number;
  /** Newest observations that stay in view (K). */
  readonly keep: number;
  readonly run: RunShape;
  readonly serving: Serving;
  /** How long a tool takes, in seconds. */
  readonly toolSeconds: number;
}

/** One way to keep a context, and what it costs. */
export interface RetentionAdvice {
  /** Observations that gather before a trim (B); null: only under pressure. */
  readonly batch: number | null;
  readonly turns: number;
  readonly prefillTokens: number;
  readonly cachedShare: number;
  readonly contextTokens: number;
  readonly gpuSeconds: number;
}

/** Advice for a pool. Every second in it is the model's, not measured. */
export interface PoolAdvice {
  /** Prompt tokens that the window leaves beside a reply and a margin. */
  readonly usableTokens: number;
  /** The batch that costs least GPU time, in whole observations: the best of all by the turn-exact model. */
  readonly batch: number;
  readonly table: readonly RetentionAdvice[];
  /** The same by the closed formula, which counts c_p at the middle of the run. */
  readonly batchByFormula: number;
  /** The turn at which thoughts alone fill the window. */
  readonly longestRun: number;
  /** Tokens of one replica's KV cache. */
  readonly kvTokens: number;
  /** Runs whose contexts fit into one replica's cache, on average over their lives. */
  readonly runsPerReplica: number;
  readonly runs: number;
  /** Turns a second of the whole pool with that many runs. */
  readonly turnsPerSecond: number;
  /** Seconds of a turn as a run feels it, its tool included. */
  readonly turnSeconds: number;
  /** GPU seconds of a cold prefill of the mean context: what one move costs. */
  readonly moveSeconds: number;
}

/** Batches beyond this are as good as none. */
const widestBatch = 64;

/** Kept free of every prompt. *Source:* MiroThinker protocol §4.2. */
const marginTokens = 1_000;

const batches = [1, 4, 8, 12, 16, Number.POSITIVE_INFINITY] as const;

/** How fast a replica goes with this many runs: prefills one after another, decoding together, tools beside. */
function paceOf(
  request: AdviceRequest,
  runs: number,
  advice: RetentionAdvice,
): { turnsPerSecond: number; turnSeconds: number } {
  const { serving, run, toolSeconds } = request;
  const { contextTokens, prefillTokens, turns } = advice;
  const fresh = prefillTokens / turns;
  const prefill = prefillSeconds(serving, fresh, Math.max(0, contextTokens - fresh));
  // The runs whose tools work do not decode; how many those are depends on the pace, so that it is found step by step.
  let active = runs;
  let turnSeconds = toolSeconds;
  for (let step = 0; step < 50; step += 1) {
    const decode = run.replyTokens * decodeStepSeconds(serving, active * contextTokens);
    const computing = decode + active * prefill;
    turnSeconds = computing + toolSeconds;
    active = (active + (runs * computing) / turnSeconds) / 2;
  }
  return { turnsPerSecond: runs / turnSeconds, turnSeconds };
}

/** Advice by the cost model: the best batch, what the pool carries, and what the alternatives cost. */
export function advise(request: AdviceRequest): PoolAdvice {
  const { run, keep, serving, windowTokens, maxTokens, replicas } = request;
  const usableTokens = windowTokens - maxTokens - marginTokens;
  const adviceFor = (batch: number): RetentionAdvice => {
    const policy = { keep, batch, pressureTokens: usableTokens };
    const cost = costOfRun(run, { policy, limitTokens: usableTokens }, serving);
    return {
      batch: Number.isFinite(batch) ? batch : null,
      turns: cost.turns,
      prefillTokens: cost.prefillTokens,
      cachedShare: cost.cachedShare,
      contextTokens: cost.contextTokens,
      gpuSeconds: cost.prefillSeconds + cost.decodeSeconds,
    };
  };
  const tried = Array.from({ length: widestBatch }, (_, index) => adviceFor(index + 1));
  const best = tried.reduce((least, each) => (each.gpuSeconds < least.gpuSeconds ? each : least));
  const batch = best.batch ?? 1;
  const kvTokens = Math.floor(serving.hardware.kvBytes / serving.model.kvBytesPerToken);
  const runsPerReplica = Math.max(1, Math.floor(kvTokens / best.contextTokens));
  const pace = paceOf(request, runsPerReplica, best);
  return {
    usableTokens,
    batch,
    batchByFormula: bestBatch(run, keep, serving),
    table: [...new Set([...batches, batch])].toSorted((left, right) => left - right).map(adviceFor),
    longestRun: longestRun(run, keep, usableTokens),
    kvTokens,
    runsPerReplica,
    runs: runsPerReplica * replicas,
    turnsPerSecond: replicas * pace.turnsPerSecond,
    turnSeconds: pace.turnSeconds,
    moveSeconds: prefillSeconds(serving, best.contextTokens, 0),
  };
}

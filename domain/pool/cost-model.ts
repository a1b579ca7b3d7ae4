import type { Hardware, ModelShape } from './gpu-facts.ts';
import { nextFirstLive, type TrimPolicy } from './trim.ts';

/** A typical run, in tokens. */
export interface RunShape {
  /** System prompt and task (S). */
  readonly systemTokens: number;
  /** Thought and call of a turn (a). */
  readonly replyTokens: number;
  /** An observation (r). */
  readonly observationTokens: number;
  /** What stands for a masked observation (p). */
  readonly placeholderTokens: number;
  readonly turns: number;
}

/** What serves the run. */
export interface Serving {
  readonly model: ModelShape;
  readonly hardware: Hardware;
}

/** One call as a cache meets it. */
export interface TurnPrompt {
  /** From 1. */
  readonly turn: number;
  readonly promptTokens: number;
  /** Leading tokens that are the same as in the prompt and reply before; 0 at the first call. */
  readonly sharedTokens: number;
  readonly firstLive: number;
}

/** Tokens of a prompt with this many replies and observations, masked before `firstLive`. */
function promptTokensOf(run: RunShape, observations: number, firstLive: number): number {
  return (
    run.systemTokens +
    observations * run.replyTokens +
    firstLive * run.placeholderTokens +
    (observations - firstLive) * run.observationTokens
  );
}

/**
 * The prompts of a run under a policy, turn by turn; ends early at a prompt that is over `limitTokens` even when trimmed.
 *
 * The shared prefix ends where the first newly masked observation was.
 */
export function* promptsOf(run: RunShape, policy: TrimPolicy, limitTokens: number | null): Generator<TurnPrompt> {
  let firstLive = 0;
  for (let turn = 1; turn <= run.turns; turn += 1) {
    const observations = turn - 1;
    const promptTokens = promptTokensOf(run, observations, firstLive);
    const next = nextFirstLive(policy, { observations, firstLive, promptTokens });
    const trimmed = next > firstLive;
    const sent = trimmed ? promptTokensOf(run, observations, next) : promptTokens;
    if (limitTokens !== null && sent > limitTokens) return;
    // Before observation `firstLive` stand its own turn's reply and everything older.
    const beforeFirstMasked = promptTokensOf(run, firstLive, firstLive) + run.replyTokens;
    const sharedTokens = trimmed ? beforeFirstMasked : sent - (observations === 0 ? sent : run.observationTokens);
    firstLive = next;
    yield { turn, promptTokens: sent, sharedTokens, firstLive };
  }
}

/** Operations that prefill of `tokens` takes behind `offset` tokens. */
export function prefillFlops(model: ModelShape, tokens: number, offset: number): number {
  return tokens * (model.flopsPerToken + model.flopsPerTokenPair * (offset + tokens / 2));
}

/** Seconds that the same takes. */
export function prefillSeconds({ model, hardware }: Serving, tokens: number, offset: number): number {
  return prefillFlops(model, tokens, offset) / hardware.flopsPerSecond;
}

/** Bytes that a decoding step reads for its weights. */
function weightBytesRead(model: ModelShape): number {
  return model.weightsRead * model.weightBytes;
}

/** GPU seconds for one token of one call, in a batch that fills the KV cache with contexts of this length. */
function decodeSecondsPerToken({ model, hardware }: Serving, contextTokens: number): number {
  const fitting = hardware.kvBytes / (model.kvBytesPerToken * contextTokens);
  const batch = Math.min(Math.max(fitting, 1), hardware.maxBatch);
  return (weightBytesRead(model) / batch + model.kvBytesPerToken * contextTokens) / hardware.bytesPerSecond;
}

/** Seconds of one step of a batch: every call in it gets one token. */
export function decodeStepSeconds({ model, hardware }: Serving, contextTokens: number): number {
  return (weightBytesRead(model) + model.kvBytesPerToken * contextTokens) / hardware.bytesPerSecond;
}

/** What a whole run costs under a policy. */
export interface RunCost {
  readonly turns: number;
  readonly prefillTokens: number;
  readonly prefillFlops: number;
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
  /** Mean prompt. */
  readonly contextTokens: number;
  /** Part of all prompt tokens that the cache served. */
  readonly cachedShare: number;
}

/** How a run's context is kept. */
export interface Retention {
  readonly policy: TrimPolicy;
  /** A prompt over this ends the run; null: nothing does. */
  readonly limitTokens: number | null;
}

/** A run's cost on one replica that keeps all of its cache. */
export function costOfRun(run: RunShape, { policy, limitTokens }: Retention, serving: Serving): RunCost {
  let [turns, prefillTokens, flops, decodeSeconds, promptTokens] = [0, 0, 0, 0, 0];
  for (const prompt of promptsOf(run, policy, limitTokens)) {
    const fresh = prompt.promptTokens - prompt.sharedTokens;
    turns += 1;
    prefillTokens += fresh;
    promptTokens += prompt.promptTokens;
    flops += prefillFlops(serving.model, fresh, prompt.sharedTokens);
    decodeSeconds += run.replyTokens * decodeSecondsPerToken(serving, prompt.promptTokens);
  }
  return {
    turns,
    prefillTokens,
    prefillFlops: flops,
    prefillSeconds: flops / serving.hardware.flopsPerSecond,
    decodeSeconds,
    contextTokens: promptTokens / turns,
    cachedShare: 1 - prefillTokens / promptTokens,
  };
}

/** Seconds of prefill for one token behind `offset` tokens (c_p). */
export function prefillSecondsPerToken({ model, hardware }: Serving, offset: number): number {
  return (model.flopsPerToken + model.flopsPerTokenPair * offset) / hardware.flopsPerSecond;
}

/** Seconds of decoding for one token and each token of context, the batch lost to larger contexts included (c_d). */
export function decodeSecondsPerPair({ model, hardware }: Serving): number {
  return (model.kvBytesPerToken / hardware.bytesPerSecond) * (1 + weightBytesRead(model) / hardware.kvBytes);
}

/**
 * The batch that costs least GPU time: a larger one prefills less and decodes over more context.
 *
 * B* = √(2·c_p·(r+a)(K−1) / (c_d·a·r)), with c_p at the middle of the run.
 */
export function bestBatch(run: RunShape, keep: number, serving: Serving): number {
  const { replyTokens: a, observationTokens: r, turns } = run;
  const middle = promptTokensOf(run, Math.floor(turns / 2), Math.max(0, Math.floor(turns / 2) - keep));
  const saved = 2 * prefillSecondsPerToken(serving, middle) * (r + a) * Math.max(0, keep - 1);
  return Math.max(1, Math.sqrt(saved / (decodeSecondsPerPair(serving) * a * r)));
}

/** The turn at which the thoughts alone fill the window, even with only K observations in view. */
export function longestRun(run: RunShape, keep: number, limitTokens: number): number {
  const { systemTokens: s, replyTokens: a, observationTokens: r, placeholderTokens: p } = run;
  return Math.max(0, Math.floor((limitTokens - s - keep * r) / (a + p)) + keep + 1);
}

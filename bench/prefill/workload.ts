import type { RunShape } from '../../domain/pool/cost-model.ts';
import { h200, modelShapes } from '../../domain/pool/gpu-facts.ts';

/** The reference run: 600 turns of 300 tokens thought and called and 4,000 returned, in a prompt of 4,000. */
export const referenceRun: RunShape = {
  systemTokens: 4_000,
  replyTokens: 300,
  observationTokens: 4_000,
  placeholderTokens: 15,
  turns: 600,
};

/** Prompt tokens that a window of 256K leaves beside a reply and a margin. *Source:* MiroThinker protocol §4.2. */
export const usableTokens = 244_760;

/** What serves it: Qwen3-30B-A3B on one H200 a replica. */
export const serving = { model: modelShapes['qwen3-30b-a3b'], hardware: h200 };

/** Tokens of a replica's KV cache. */
export const replicaTokens = Math.floor(h200.kvBytes / serving.model.kvBytesPerToken);

/** Tokens of the smallest possible prefill: every observation once, and nothing twice. */
export function idealTokens(run: RunShape): number {
  return run.systemTokens + (run.turns - 1) * run.observationTokens;
}

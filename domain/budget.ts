import { z } from 'zod';
import type { TokenUsage } from './usage.ts';

/** Money is integer micro-USD everywhere; null means that the price is unknown, never that it is nothing. */
export const microUsdSchema = z.int().min(0);

/** Prices of a model, in micro-USD per million tokens. */
export const pricesSchema = z.strictObject({
  inputMicroUsdPerMillion: microUsdSchema,
  cachedMicroUsdPerMillion: microUsdSchema,
  outputMicroUsdPerMillion: microUsdSchema,
});
export type Prices = z.infer<typeof pricesSchema>;

/** The hard limits of a run. Null means without a limit, for money also that no price is known. */
export const limitsSchema = z.strictObject({
  maxTurns: z.int().min(1).max(10_000),
  maxToolCalls: z.int().min(0).max(100_000),
  /** Prompt and completion tokens of all model calls together, the reader's included. */
  maxTokens: z.int().min(1).nullable(),
  /** From the start of the run, waiting included. */
  maxWallMs: z.int().min(1_000),
  maxCostMicroUsd: microUsdSchema.nullable(),
  /**
   * What happens at a limit: `finalize` asks for the answer with what is known · `pause` waits until a person raises it ·
   * `fail` ends the run without an answer.
   */
  onExceed: z.enum(['finalize', 'pause', 'fail']),
});
export type Limits = z.infer<typeof limitsSchema>;

/** What a run has used up so far. */
export const spentSchema = z.strictObject({
  turns: z.int().min(0),
  toolCalls: z.int().min(0),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cachedTokens: z.int().min(0),
  /** Null as soon as one call had no known price. */
  costMicroUsd: microUsdSchema.nullable(),
});
export type Spent = z.infer<typeof spentSchema>;

/** Nothing used yet. */
export function nothingSpent(prices: Prices | null): Spent {
  return {
    turns: 0,
    toolCalls: 0,
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
    costMicroUsd: prices === null ? null : 0,
  };
}

/** Cost of a usage, rounded up to a micro-USD; null without prices. */
export function costOf(usage: TokenUsage, prices: Prices | null): number | null {
  if (prices === null) return null;
  const fresh = Math.max(0, usage.inputTokens - usage.cachedTokens);
  const total =
    fresh * prices.inputMicroUsdPerMillion +
    usage.cachedTokens * prices.cachedMicroUsdPerMillion +
    usage.outputTokens * prices.outputMicroUsdPerMillion;
  return Math.ceil(total / 1_000_000);
}

/** The most that a call can use: its whole prompt fresh, its completion to the limit. */
export interface Reservation {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** The limits that a call would break; `null` when it fits. */
export type Exceeded = 'tokens' | 'cost';

/**
 * Would these calls, at their worst, still be inside the token and money limits?
 *
 * Reserving before and settling after keeps a run inside its limits without knowing what a call will cost.
 */
export function checkReservations(
  budget: { readonly limits: Limits; readonly spent: Spent; readonly prices: Prices | null },
  reservations: readonly Reservation[],
): Exceeded | null {
  const { limits, spent, prices } = budget;
  const tokens = reservations.reduce((sum, call) => sum + call.promptTokens + call.completionTokens, 0);
  if (limits.maxTokens !== null && spent.inputTokens + spent.outputTokens + tokens > limits.maxTokens) return 'tokens';
  if (limits.maxCostMicroUsd === null || spent.costMicroUsd === null) return null;
  const cost = reservations.reduce((sum, call) => sum + worstCostOf(call, prices), 0);
  return spent.costMicroUsd + cost > limits.maxCostMicroUsd ? 'cost' : null;
}

/** The whole prompt at the dearer of its two prices: nothing says that a cached token is the cheaper one. */
function worstCostOf(call: Reservation, prices: Prices | null): number {
  const usage = { inputTokens: call.promptTokens, outputTokens: call.completionTokens, cachedTokens: 0 };
  const cached = { ...usage, cachedTokens: call.promptTokens };
  return Math.max(costOf(usage, prices) ?? 0, costOf(cached, prices) ?? 0);
}

/** Adds what a call did use. */
export function settle(
  spent: Spent,
  used: { readonly usage: TokenUsage; readonly costMicroUsd: number | null },
): Spent {
  const free = used.usage.inputTokens + used.usage.outputTokens === 0;
  return {
    ...spent,
    inputTokens: spent.inputTokens + used.usage.inputTokens,
    outputTokens: spent.outputTokens + used.usage.outputTokens,
    cachedTokens: spent.cachedTokens + used.usage.cachedTokens,
    costMicroUsd: addCost(spent.costMicroUsd, free ? (used.costMicroUsd ?? 0) : used.costMicroUsd),
  };
}

function addCost(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : left + right;
}

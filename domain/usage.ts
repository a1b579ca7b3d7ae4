import { z } from 'zod';

/** Tokens of one call or of many, as the server counted them. */
export const tokenUsageSchema = z.object({
  /** Prompt tokens, cached ones included. */
  inputTokens: z.int().min(0),
  /** Completion tokens, reasoning included. */
  outputTokens: z.int().min(0),
  /** The part of `inputTokens` that a prefix cache served. */
  cachedTokens: z.int().min(0),
});
export type TokenUsage = z.infer<typeof tokenUsageSchema>;

/** No tokens at all. */
export const noUsage: TokenUsage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 };

/** The sum of two usages. */
export function addUsage(left: TokenUsage, right: TokenUsage): TokenUsage {
  return {
    inputTokens: left.inputTokens + right.inputTokens,
    outputTokens: left.outputTokens + right.outputTokens,
    cachedTokens: left.cachedTokens + right.cachedTokens,
  };
}

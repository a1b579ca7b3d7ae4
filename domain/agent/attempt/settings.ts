import { z } from 'zod';
import { agentRulesSchema } from '../rules.ts';

/** Everything that an attempt decides with, fixed before the run starts. */
export const attemptSettingsSchema = z.strictObject({
  rules: agentRulesSchema,
  maxTurns: z.int().min(1),
  /** K: newest observations that stay in view; −1 keeps all. */
  keep: z.int().min(-1),
  /** B: the view may grow to K + B before it is cut to K; 0 is exact K. */
  batch: z.int().min(0),
  /** Longest completion of a first try. */
  maxTokens: z.int().min(1),
  /** The window in tokens. */
  maxContext: z.int().min(1),
  /** Our count of the prompt that asks for the final answer. */
  summaryTokens: z.int().min(0),
  /** Attempts that may follow the first. */
  restarts: z.int().min(0),
  /** An attempt without an answer writes down why, for the next one to read. */
  retryWithSummary: z.boolean(),
  /** A prompt that the server refuses as too long: `finish` drops the last pair and asks for the answer, `shrink` first shows less. */
  overflow: z.enum(['finish', 'shrink']),
});
export type AttemptSettings = z.infer<typeof attemptSettingsSchema>;

import { z } from 'zod';
import { limitsSchema, pricesSchema, spentSchema } from './budget.ts';
import { digestSchema, runIdSchema, tenantSchema } from './ids.ts';
import { parentPrefixSchema } from './manifest.ts';
import { limitHitSchema } from './outcome.ts';
import { toolPoolSchema } from './tools.ts';

/** The facts of a manifest that the workflow decides with; read once, at the start. */
export const runFactsSchema = z.strictObject({
  profile: z.string(),
  question: z.string(),
  limits: limitsSchema,
  prices: pricesSchema.nullable(),
  keep: z.int(),
  windowTokens: z.int(),
  maxTokens: z.int(),
  /** Estimated tokens of system prompt and task. */
  baseTokens: z.int(),
  /** Estimated tokens of the final prompt. */
  finalTokens: z.int(),
  /** The most that the reader may use in one call of a tool that reads pages; null for runs without such a tool. */
  readerReserve: z.strictObject({ promptTokens: z.int(), completionTokens: z.int() }).nullable(),
  /** Names of the tools whose calls need `readerReserve`. */
  readerTools: z.array(z.string()),
});
export type RunFacts = z.infer<typeof runFactsSchema>;

/** Tool calls that the last reply asked for and that have not run yet. */
const pendingCallsSchema = z.strictObject({
  modelSeq: z.int(),
  modelRecordDigest: digestSchema,
  calls: z.array(z.strictObject({ tool: z.string(), pool: toolPoolSchema.nullable(), callIndex: z.int() })),
});
export type PendingCalls = z.infer<typeof pendingCallsSchema>;

/**
 * The state of a run between two steps: all that the workflow knows, bounded, and all that survives a continue-as-new.
 *
 * *Contract:* at most 32 KB of JSON at turn 600; between two versions of the code it is a contract, hence `schemaVersion`.
 */
export const carrySchema = z.strictObject({
  schemaVersion: z.literal(1),
  tenant: tenantSchema,
  runId: runIdSchema,
  manifestDigest: digestSchema,
  parent: parentPrefixSchema.nullable(),
  facts: runFactsSchema,
  startedAtMs: z.int(),
  nextSeq: z.int(),
  nextEvent: z.int(),
  head: digestSchema,
  spent: spentSchema,
  /** Largest ratio seen of served prompt tokens to our estimate, in thousandths; never under 1,000. */
  promptScale: z.int().min(1_000),
  /** Tokens of all replies in the history. */
  thoughtTokens: z.int(),
  /** Tokens of each observation message, in order. */
  observationTokens: z.array(z.int()),
  /** Replies in a row that were thrown away as malformed or cut. */
  rejectedInRow: z.int(),
  usesSandbox: z.boolean(),
  pending: pendingCallsSchema.nullable(),
  /** Set when the next model call is the final one. */
  finalizing: z.strictObject({ limitHit: limitHitSchema.nullable() }).nullable(),
});
export type Carry = z.infer<typeof carrySchema>;

import { z } from 'zod';
import { limitsSchema, nothingSpent, pricesSchema, spentSchema } from './budget.ts';
import { holdsSchema, noHolds } from './holds.ts';
import { digestSchema, type RunRef, runIdSchema, tenantSchema } from './ids.ts';
import { parentPrefixSchema } from './manifest.ts';
import { limitHitSchema } from './outcome.ts';
import { onStepFailureSchema } from './profile.ts';
import { callRefSchema } from './receipt.ts';

/** The facts of a manifest that the workflow decides with; read once, at the start. */
export const runFactsSchema = z.strictObject({
  profile: z.string(),
  question: z.string(),
  limits: limitsSchema,
  onStepFailure: onStepFailureSchema,
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
  calls: z.array(callRefSchema),
  /** Tokens of the message's calls that are recorded already: a fork may begin between two calls of one message. */
  doneTokens: z.int().min(0),
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
  holds: holdsSchema,
  pending: pendingCallsSchema.nullable(),
  /** Set when the next model call is the final one. */
  finalizing: z.strictObject({ limitHit: limitHitSchema.nullable() }).nullable(),
});
export type Carry = z.infer<typeof carrySchema>;

/** The facts of a run whose manifest is not read yet: a run that fails before that still needs a state to end with. */
const noFacts: RunFacts = {
  profile: '',
  question: '',
  limits: {
    maxTurns: 1,
    maxToolCalls: 0,
    maxTokens: null,
    maxWallMs: 1_000,
    maxCostMicroUsd: null,
    onExceed: 'finalize',
  },
  onStepFailure: 'observe',
  prices: null,
  keep: -1,
  windowTokens: 0,
  maxTokens: 0,
  baseTokens: 0,
  finalTokens: 0,
  readerReserve: null,
  readerTools: [],
};

/** The state of a run before its first step. */
export function toStartState({ tenant, runId }: RunRef, manifestDigest: string, startedAtMs: number): Carry {
  return {
    schemaVersion: 1,
    tenant,
    runId,
    manifestDigest,
    parent: null,
    facts: noFacts,
    startedAtMs,
    nextSeq: 0,
    nextEvent: 1,
    head: manifestDigest,
    spent: nothingSpent(null),
    promptScale: 1_000,
    thoughtTokens: 0,
    observationTokens: [],
    rejectedInRow: 0,
    usesSandbox: false,
    holds: noHolds,
    pending: null,
    finalizing: null,
  };
}

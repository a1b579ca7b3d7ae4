import { z } from 'zod';
import { microUsdSchema } from './budget.ts';
import { digestFields, digestJson, digestText } from './digest.ts';
import { digestSchema, runIdSchema } from './ids.ts';
import { effectSchema, toolCallSchema } from './tools.ts';
import { tokenUsageSchema } from './usage.ts';

export const stepKindSchema = z.enum(['model', 'tool', 'message']);
export type StepKind = z.infer<typeof stepKindSchema>;

/** Why the model is asked: for its next turn, or for the final answer. */
const purposeSchema = z.enum(['turn', 'final']);
export type Purpose = z.infer<typeof purposeSchema>;

/** A content by its digest; the text itself rides in the record's object or is a blob. */
const contentRefSchema = z.strictObject({
  name: z.enum(['reply', 'reasoning', 'calls', 'observation', 'page', 'raw', 'message', 'arguments']),
  digest: digestSchema,
  bytes: z.int().min(0),
});
export type ContentRef = z.infer<typeof contentRefSchema>;

/** What only a model call has. */
const modelFactsSchema = z.strictObject({
  purpose: purposeSchema,
  /** First observation in view; earlier ones were shown as omitted. */
  firstLive: z.int().min(0),
  /** Digest over role and content digest of every message that was sent, in order. */
  promptDigest: digestSchema,
  /** What the reply asks for: see `ModelReceipt`. */
  stop: z.enum(['calls', 'end', 'malformed', 'length']),
  model: z.string(),
  /** The audit chain over the records before this one, as the run's decisions held it. */
  head: digestSchema,
});

/** Where a page came from. Records of before these facts were kept do not have the optional ones. */
export const pageSourceSchema = z.strictObject({
  url: z.string(),
  title: z.string().nullable(),
  via: z.enum(['direct', 'jina']).optional(),
  /** Null when whoever fetched it does not tell. */
  status: z.int().nullable().optional(),
  fetchedAtMs: z.int().min(0).optional(),
});

/** What only a tool call has. */
const toolFactsSchema = z.strictObject({
  server: z.string(),
  tool: z.string(),
  modelSeq: z.int().min(0),
  callIndex: z.int().min(0),
  /** A page that was fetched, for the list of sources; its text and bytes are the contents `page` and `raw`. */
  source: pageSourceSchema.nullable(),
  /** The sandbox that the call worked in, and its files after it; null for every other tool. */
  sandbox: z.strictObject({ id: z.string(), treeDigest: digestSchema.nullable() }).nullable(),
});

/** What a person did to the step, and why. */
export const stepHoldSchema = z.strictObject({
  action: z.enum(['edit', 'skip', 'approve', 'deny', 'steer']),
  by: z.string(),
  why: z.string(),
});
export type StepHold = z.infer<typeof stepHoldSchema>;

/** The failure that a step ended with. */
export const stepFailureSchema = z.strictObject({ type: z.string(), message: z.string() });
export type StepFailure = z.infer<typeof stepFailureSchema>;

/**
 * One immutable record: what a step was asked, what came of it, what it cost.
 *
 * *Contract:* written once to its slot, never changed. A null `requestDigest` marks a slot that was closed without a result of
 * its own attempt (refused, out of attempts, cancelled).
 */
export const stepRecordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  runId: runIdSchema,
  seq: z.int().min(0),
  kind: stepKindSchema,
  turn: z.int().min(0),
  /** Pass of the agent's loop, from 1. */
  attempt: z.int().min(1),
  requestDigest: digestSchema.nullable(),
  effect: effectSchema,
  status: z.enum(['ok', 'failed']),
  failure: stepFailureSchema.nullable(),
  contents: z.array(contentRefSchema),
  contentTokens: z.int().min(0),
  usage: tokenUsageSchema,
  costMicroUsd: microUsdSchema.nullable(),
  startedAtMs: z.int().min(0),
  endedAtMs: z.int().min(0),
  /** Delivery number of the attempt that wrote the record, from 1; later ones were interrupted before. */
  delivery: z.int().min(1),
  model: modelFactsSchema.nullable(),
  tool: toolFactsSchema.nullable(),
  /** Null for a step that nobody took hold of. */
  hold: stepHoldSchema.nullable(),
});
export type StepRecord = z.infer<typeof stepRecordSchema>;

/** The calls content of a model record. */
export const recordedCallsSchema = z.array(toolCallSchema);

/** Digest of a record: what `head` chains and receipts carry. */
export function digestRecord(record: StepRecord): string {
  return digestJson(record);
}

/** The next link of the audit chain. */
export function extendHead(head: string, recordDigest: string): string {
  return digestText(`longhaul/head/v1\n${head}\n${recordDigest}`);
}

/** Where every trajectory chain begins. */
export const trajectoryRoot = digestText('longhaul/trajectory/v1');

/**
 * The next link of the trajectory chain: what was asked and what came, nothing about when, where or by whom.
 *
 * Two runs of one task on a deterministic model have the same chain.
 */
export function extendTrajectory(chain: string, record: StepRecord): string {
  const leaf = digestJson({
    seq: record.seq,
    kind: record.kind,
    requestDigest: record.requestDigest,
    contents: record.contents.map(({ name, digest }) => ({ name, digest })),
    outcome: record.status,
  });
  return digestText(`longhaul/trajectory/v1\n${chain}\n${leaf}`);
}

/** The place of one step. */
export interface Slot {
  readonly tenant: string;
  readonly runId: string;
  readonly seq: number;
}

/**
 * Names a step to receivers that deduplicate.
 *
 * Holds no engine run id, attempt, time or worker: a retry, reset or continuation asks under the same key.
 */
export function toStepKey(slot: Slot, kind: StepKind, requestDigest: string): string {
  return digestFields(['v1', slot.tenant, slot.runId, String(slot.seq), kind, requestDigest]);
}

import { z } from 'zod';
import { limitsSchema, microUsdSchema, spentSchema } from './budget.ts';
import { digestSchema, runIdSchema, tenantSchema } from './ids.ts';
import { stepFailureSchema } from './record.ts';
import { effectSchema } from './tools.ts';

/** How a run ends. */
export const outcomeKindSchema = z.enum(['answered', 'abstained', 'budget_exhausted', 'cancelled', 'failed']);
export type OutcomeKind = z.infer<typeof outcomeKindSchema>;

/** Which limit ended the work, if one did. */
export const limitHitSchema = z.enum([
  'max_turns',
  'max_tool_calls',
  'budget_reached',
  'context_exhausted',
  'deadline',
  'finalize_requested',
]);
export type LimitHit = z.infer<typeof limitHitSchema>;

/** Why a run stopped: its outcome's word, or the limit that left it without an answer. */
export const stopReasonSchema = z.enum(['answered', 'abstained', 'cancelled', 'error', ...limitHitSchema.options]);
export type StopReason = z.infer<typeof stopReasonSchema>;

/** How a run ended, as the workflow decided it. */
export interface RunEnd {
  readonly outcome: OutcomeKind;
  readonly stopReason: StopReason;
  /** The limit that forced the final answer; null when the agent ended by itself. */
  readonly limitHit: LimitHit | null;
  readonly failure: { readonly type: string; readonly message: string } | null;
}

/** A page that the run fetched. */
export const sourceSchema = z.strictObject({ url: z.string(), title: z.string().nullable() });

/** The end of a run as it is archived: put once, readable for as long as the store lives. */
export const runOutcomeSchema = z.strictObject({
  schemaVersion: z.literal(1),
  tenant: tenantSchema,
  runId: runIdSchema,
  outcome: outcomeKindSchema,
  stopReason: stopReasonSchema,
  limitHit: limitHitSchema.nullable(),
  failure: stepFailureSchema.nullable(),
  /** The boxed answer; null unless `answered`. */
  answer: z.string().nullable(),
  /** The whole final reply; null when there was no final call. */
  report: z.string().nullable(),
  sources: z.array(sourceSchema),
  /** Calls whose effect stays in the world: a fork does not undo them. The first 500. */
  effects: z.array(z.strictObject({ seq: z.int(), tool: z.string(), effect: effectSchema })),
  /** Attempts of recorded steps before the one that recorded: killed, handed on or failed; what they used up is in no count. */
  extraAttempts: z.int().min(0),
  spent: spentSchema,
  /** As they stood at the end: people may have raised them. */
  limits: limitsSchema,
  costMicroUsd: microUsdSchema.nullable(),
  steps: z.int().min(0),
  head: digestSchema,
  trajectoryDigest: digestSchema,
  startedAtMs: z.int().min(0),
  endedAtMs: z.int().min(0),
});
export type RunOutcome = z.infer<typeof runOutcomeSchema>;

/** The status that the native door shows. */
export const runStatusSchema = z.enum([
  'queued',
  'in_progress',
  /** A step waits for a person: its approval, or what to do after its attempts ran out. */
  'requires_action',
  'paused',
  'completed',
  'incomplete',
  'failed',
  'cancelled',
]);
export type RunStatus = z.infer<typeof runStatusSchema>;

const statusOfOutcome = {
  answered: 'completed',
  abstained: 'incomplete',
  budget_exhausted: 'incomplete',
  cancelled: 'cancelled',
  failed: 'failed',
} as const satisfies Record<OutcomeKind, RunStatus>;

/** The terminal status that belongs to an outcome. */
export function toStatus(outcome: OutcomeKind): RunStatus {
  return statusOfOutcome[outcome];
}

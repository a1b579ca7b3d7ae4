import { z } from 'zod';
import { runIdSchema } from '../../domain/ids.ts';
import { outcomeKindSchema, runStatusSchema, sourceSchema, stopReasonSchema } from '../../domain/outcome.ts';
import { limitsSchema } from '../../domain/budget.ts';
import { onStepFailureSchema, profileSchema } from '../../domain/profile.ts';

/** Longest question, in bytes of UTF-8. */
const maxQuestionBytes = 64 * 1024;

const money = z.number().gt(0).max(1_000_000);

/** A text that survives every store and wire as it is. */
export const textSchema = z
  .string()
  .refine((text) => text.isWellFormed(), {
    params: { rule: 'well_formed' },
    error: 'half of a surrogate pair is not text',
  })
  .refine((text) => !text.includes('\0'), { params: { rule: 'no_nul' }, error: 'the character U+0000 is refused' });

const questionSchema = textSchema
  .refine((text) => text.trim() !== '', {
    params: { rule: 'not_blank' },
    error: 'a question has at least one character',
  })
  .refine((text) => Buffer.byteLength(text) <= maxQuestionBytes, {
    params: { rule: 'max_bytes' },
    error: `a question has at most ${maxQuestionBytes} bytes of UTF-8`,
  });

const metadataSchema = z
  .record(textSchema, textSchema.pipe(z.string().max(512)))
  .refine((pairs) => Object.keys(pairs).length <= 16, { params: { rule: 'max_pairs' }, error: 'at most 16 pairs' })
  .refine((pairs) => Object.keys(pairs).every((key) => key.length >= 1 && key.length <= 64), {
    params: { rule: 'key_length' },
    error: 'a key has 1 to 64 characters',
  });

/** Limits of a run, each at most its profile's. */
export const budgetSchema = z
  .strictObject({
    max_cost_usd: money.nullish(),
    max_tokens: z.int().min(1).nullish(),
    max_tool_calls: z.int().min(0).max(100_000).nullish(),
    max_turns: z.int().min(1).max(10_000).nullish(),
    max_wall_seconds: z.int().min(1).max(31_536_000).nullish(),
    on_exceed: limitsSchema.shape.onExceed.optional(),
  })
  .meta({ id: 'Budget' });
export type Budget = z.infer<typeof budgetSchema>;

/** The body of a submit. */
export const submitSchema = z
  .strictObject({
    input: questionSchema,
    /** Name of an agent of this installation; absent: the built-in one. */
    profile: profileSchema.shape.name.nullish(),
    budget: budgetSchema.nullish(),
    /** What happens when a step's attempts ran out; absent: as the profile says. */
    on_step_failure: onStepFailureSchema.nullish(),
    metadata: metadataSchema.nullish(),
  })
  .meta({ id: 'SubmitResearch' });
export type Submit = z.infer<typeof submitSchema>;

const shownTime = z.iso.datetime().nullable();

/** Why a run stands still just now. */
const waitingForSchema = z
  .strictObject({
    /** A failure type such as `Model.Unavailable`, `no_worker`, `backlog`; for a person: `paused`, `budget`, `approval`, `decision`. */
    reason: z.string(),
    message: z.string(),
    activity: z.string().nullable(),
    pool: z.string().nullable(),
    queue: z.string().nullable(),
    attempt: z.int().nullable(),
  })
  .meta({ id: 'WaitingFor' });
export type WaitingFor = z.infer<typeof waitingForSchema>;

const usageSchema = z.strictObject({ input_tokens: z.int(), output_tokens: z.int(), cached_tokens: z.int() });

const shownBudgetSchema = z.strictObject({
  max_cost_usd: z.number().nullable(),
  max_tokens: z.int().nullable(),
  max_tool_calls: z.int(),
  max_turns: z.int(),
  max_wall_seconds: z.number(),
  on_exceed: z.string(),
  spent_usd: z.number().nullable(),
});

const parentViewSchema = z.strictObject({
  run: z.string(),
  step: z.int(),
  by: z.string(),
  reason: z.string(),
  /**
   * Calls that the other run made at or after the step and that a fork does not undo: their tools do not repeat. Null while that run
   * is live.
   */
  effects_not_undone: z.array(z.strictObject({ step: z.int(), tool: z.string(), effect: z.string() })).nullable(),
});

/** A run as the native door shows it. */
export const runSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('research'),
    status: runStatusSchema,
    outcome: outcomeKindSchema.nullable(),
    stop_reason: stopReasonSchema.nullable(),
    /** The limit that forced the end, if one did. */
    limit_hit: z.string().nullable(),
    /** The question; cut to 200 characters while the object store is away. */
    input: z.string().nullable(),
    profile: z.string().nullable(),
    model: z.string().nullable(),
    answer: z.string().nullable(),
    report: z.string().nullable(),
    sources: z.array(sourceSchema),
    usage: usageSchema,
    /** Null when a price is unknown. */
    cost_usd: z.number().nullable(),
    progress: z.strictObject({
      turn: z.int(),
      tool_calls: z.int(),
      steps: z.int(),
      phase: z.enum(['queued', 'thinking', 'using_tools', 'answering', 'deciding', 'ended']),
    }),
    budget: shownBudgetSchema.nullable(),
    /** True when a rule-based stand-in plays the model; null when that is not known. */
    stand_in: z.boolean().nullable(),
    metadata: z.record(z.string(), z.string()),
    created_at: shownTime,
    started_at: shownTime,
    completed_at: shownTime,
    heartbeat_at: shownTime,
    waitingFor: waitingForSchema.nullable(),
    /** When the next attempt is due. */
    waitUntil: shownTime,
    error: z.strictObject({ type: z.string(), message: z.string() }).nullable(),
    /** Where a fork comes from; null for a run from the beginning. */
    parent: parentViewSchema.nullable(),
    /** Runs that were forked from this one. */
    forks: z.array(z.string()),
    /** Attempts of recorded steps before the one that recorded: their calls may have been paid for as well. Null on a live run. */
    extra_attempts: z.int().nullable(),
    head: z.string().nullable(),
    trajectory_digest: z.string().nullable(),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Research' });
export type RunView = z.infer<typeof runSchema>;

/** A run in a list. */
const listedRunSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('research'),
    status: runStatusSchema,
    outcome: outcomeKindSchema.nullable(),
    /** The question's first 200 characters. */
    input: z.string().nullable(),
    profile: z.string().nullable(),
    cost_usd: z.number().nullable(),
    /** Why a live run stands still; null while it goes on. */
    waiting_for: z.string().nullable(),
    created_at: z.string(),
    completed_at: shownTime,
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'ListedResearch' });
export type ListedRunView = z.infer<typeof listedRunSchema>;

/** A page of runs. */
export const runListSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(listedRunSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'ResearchList' });
export type RunListView = z.infer<typeof runListSchema>;

const prefix = 'rsch_';

/** The id that the door shows. */
export function toPublicId(runId: string): string {
  return `${prefix}${runId}`;
}

/** A run's ULID from either spelling; null for any other text. */
export function fromPublicId(id: string): string | null {
  const parsed = runIdSchema.safeParse(id.startsWith(prefix) ? id.slice(prefix.length) : id);
  return parsed.success ? parsed.data : null;
}

/** Where a run's other sides are. */
export function toLinks(runId: string): Record<string, string> {
  const self = `/v1/research/${toPublicId(runId)}`;
  const more = [
    'events',
    'trajectory',
    'histories',
    'cancel',
    'pause',
    'resume',
    'finalize',
    'messages',
    'budget',
    'fork',
  ];
  return { self, ...Object.fromEntries(more.map((name) => [name, `${self}/${name}`])) };
}

/** Dollars from integer micro-dollars; null stays null. */
export function toUsd(microUsd: number | null): number | null {
  return microUsd === null ? null : microUsd / 1e6;
}

/** ISO time; null stays null. */
export function toIso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

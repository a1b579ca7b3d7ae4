import { z } from 'zod';
import { outcomeKindSchema } from '../domain/outcome.ts';

/* What the command line reads of the API's answers: lenient, so that a newer server serves an older client. */

/** An event of a run as the stream carries it. */
export const eventMessageSchema = z.looseObject({
  seq: z.int().min(0),
  type: z.string(),
  data: z.record(z.string(), z.unknown()).default({}),
});
export type EventMessage = z.infer<typeof eventMessageSchema>;

const textOrNull = z.string().nullable().default(null);

/** A run in a list. */
const listedRunSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  outcome: outcomeKindSchema.nullable().default(null),
  input: textOrNull,
  cost_usd: z.number().nullable().default(null),
  waiting_for: textOrNull,
  created_at: textOrNull,
});
export type ListedRun = z.infer<typeof listedRunSchema>;

/** A run as `GET /v1/research/{id}` shows it. */
export const runSchema = listedRunSchema.extend({
  stop_reason: textOrNull,
  answer: textOrNull,
  report: textOrNull,
  sources: z.array(z.looseObject({ url: z.string(), title: z.string().nullish() })).default([]),
  usage: z.looseObject({ input_tokens: z.number(), output_tokens: z.number() }).optional(),
  progress: z.looseObject({ turn: z.number(), tool_calls: z.number(), steps: z.number() }).optional(),
  stand_in: z.boolean().nullable().default(null),
  waitingFor: z.looseObject({ reason: z.string(), message: z.string() }).nullable().default(null),
  waitUntil: textOrNull,
  error: z.looseObject({ type: z.string(), message: z.string() }).nullable().default(null),
  parent: z.looseObject({ run: z.string(), step: z.int() }).nullable().default(null),
  forks: z.array(z.string()).default([]),
  extra_attempts: z.number().nullable().default(null),
});
export type Run = z.infer<typeof runSchema>;

/** A page of runs. */
export const runListSchema = z.looseObject({
  data: z.array(listedRunSchema),
  last_id: textOrNull,
  has_more: z.boolean().default(false),
});
export type RunList = z.infer<typeof runListSchema>;

const contentSchema = z.looseObject({ name: z.string(), bytes: z.number().default(0), text: z.string().optional() });

/** A line of `GET …/trajectory`: the manifest, a recorded step with its contents, or the outcome. */
export const trajectoryLineSchema = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('run') }),
  z.looseObject({
    type: z.literal('step'),
    seq: z.int(),
    kind: z.enum(['model', 'tool', 'message']),
    turn: z.int(),
    status: z.string(),
    delivery: z.int().default(1),
    startedAtMs: z.number().default(0),
    endedAtMs: z.number().default(0),
    usage: z.looseObject({ inputTokens: z.number(), outputTokens: z.number() }),
    costMicroUsd: z.number().nullable().default(null),
    failure: z.looseObject({ type: z.string(), message: z.string() }).nullable().default(null),
    model: z.looseObject({ purpose: z.string(), model: z.string() }).nullable().default(null),
    tool: z
      .looseObject({
        server: z.string(),
        tool: z.string(),
        modelSeq: z.int(),
        callIndex: z.int(),
        source: z.looseObject({ url: z.string(), title: z.string().nullable() }).nullable(),
      })
      .nullable()
      .default(null),
    hold: z.looseObject({ action: z.string(), by: z.string(), why: z.string() }).nullable().default(null),
    contents: z.array(contentSchema).default([]),
  }),
  z.looseObject({ type: z.literal('outcome') }),
]);
export type TrajectoryLine = z.infer<typeof trajectoryLineSchema>;
export type TrajectoryStep = Extract<TrajectoryLine, { type: 'step' }>;

/** A step as `GET …/steps/{n}` shows it. */
export const stepSchema = z.looseObject({
  request: z.looseObject({ arguments: z.unknown() }).nullable().default(null),
  source: z.object({ url: z.string(), title: z.string().nullable() }).nullable().default(null),
});

export type Step = z.infer<typeof stepSchema>;

/** The calls content of a model's step. */
export const recordedCallsSchema = z.array(z.looseObject({ tool: z.string(), arguments: z.unknown() }));

/** A prompt as `GET …/steps/{n}/prompt` shows it. */
export const promptSchema = z.looseObject({
  step: z.int(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string() })),
});
export type Prompt = z.infer<typeof promptSchema>;

/** A line of `GET …/histories`. */
export const historyLineSchema = z.looseObject({
  n: z.int(),
  history: z.looseObject({ events: z.array(z.unknown()) }),
});
export type HistoryLine = z.infer<typeof historyLineSchema>;

/** RFC 9457. */
export const problemSchema = z.looseObject({
  title: z.string().default('error'),
  detail: z.string().default(''),
  code: z.string().default(''),
  errors: z.array(z.looseObject({ pointer: z.string(), detail: z.string().default('') })).default([]),
});

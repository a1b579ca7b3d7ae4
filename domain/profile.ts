import { z } from 'zod';
import { limitsSchema, pricesSchema } from './budget.ts';

/** Sampling as it is sent to the server. */
const samplingSchema = z.strictObject({
  temperature: z.number().min(0).max(2),
  topP: z.number().gt(0).max(1),
  /** 1 is not sent. Source: `conf/llm/qwen-3` of MiroThinker. */
  repetitionPenalty: z.number().gt(0).max(2),
  /**
   * Ends a reply that says the same again and again, where the server can; absent: not asked for.
   *
   * Source: vLLM's `repetition_detection`: a pattern of so many tokens, so many times in a row.
   */
  repetitionDetection: z
    .strictObject({
      maxPatternTokens: z.int().min(1).max(1_024),
      minPatternTokens: z.int().min(1).max(1_024),
      minCount: z.int().min(2).max(1_024),
    })
    .optional(),
});

/** The model that thinks. */
const modelSettingsSchema = z.strictObject({
  /** Name under which the server serves it. */
  name: z.string().min(1).max(200),
  /** Context window in tokens. */
  windowTokens: z.int().min(1_024),
  /** Longest completion of a turn. */
  maxTokens: z.int().min(16),
  sampling: samplingSchema,
});

/** The model that reads pages. */
const readerSettingsSchema = z.strictObject({
  name: z.string().min(1).max(200),
  /** Longest extraction. Source: MiroThinker, 8,192. */
  maxTokens: z.int().min(16),
  /** Page text that is shown to the reader, in code points. Source: MiroThinker, 102,400 × 4. */
  maxPageChars: z.int().min(1_000),
});

/**
 * What happens when a step's attempts ran out: `observe` tells the model (a model call ends the run) · `pause` waits for a person
 * to retry, skip or edit it · `fail` ends the run.
 */
export const onStepFailureSchema = z.enum(['observe', 'pause', 'fail']);

/** Calls that wait for a person before they run. */
const approvalSchema = z.strictObject({
  /** Every tool of these effect classes. */
  effects: z.array(z.enum(['keyed', 'unkeyed'])),
  /** Tools by name, whatever their class. */
  tools: z.array(z.string().min(1)).max(128),
});

/** Everything that makes an agent itself; resolved to every value before a run starts. */
export const profileSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'a profile name is 1 to 63 of a-z, 0-9, . and -'),
  dialect: z.enum(['mcp-xml']),
  model: modelSettingsSchema,
  reader: readerSettingsSchema,
  retention: z.strictObject({
    /** Newest observations that stay in view; −1 keeps all. Source: paper §3, K = 5. */
    keep: z.int().min(-1).max(10_000),
  }),
  /** Names of the tools it is shown, in prompt order. */
  tools: z.array(z.string().min(1)).max(128),
  limits: limitsSchema,
  /**
   * Python code for a sandbox id that models make up: an error, or a run in a sandbox that is gone after it.
   * *Source:* MiroThinker v1.0 does the first, v1.7 the second.
   */
  madeUpSandbox: z.enum(['refuse', 'stateless']).default('refuse'),
  onStepFailure: onStepFailureSchema.default('observe'),
  approval: approvalSchema.default({ effects: [], tools: [] }),
  prices: pricesSchema.nullable(),
});
export type Profile = z.infer<typeof profileSchema>;

const dayMs = 24 * 3_600_000;

/**
 * The agent of the MiroThinker v1.0 paper: 600 tool calls in a 256K window, K = 5.
 *
 * Source: arXiv 2511.11793 and its preset `single_agent_keep5`; sampling from `conf/llm/qwen-3`.
 */
export function mirothinkerV1(model: string): Profile {
  return {
    name: 'mirothinker-v1.0',
    dialect: 'mcp-xml',
    model: {
      name: model,
      windowTokens: 262_144,
      maxTokens: 16_384,
      sampling: { temperature: 1, topP: 0.95, repetitionPenalty: 1.05 },
    },
    reader: { name: model, maxTokens: 8_192, maxPageChars: 409_600 },
    retention: { keep: 5 },
    tools: ['google_search', 'scrape_and_extract_info', 'create_sandbox', 'run_command', 'run_python_code'],
    limits: {
      maxTurns: 600,
      maxToolCalls: 600,
      maxTokens: null,
      maxWallMs: dayMs,
      maxCostMicroUsd: null,
      onExceed: 'finalize',
    },
    madeUpSandbox: 'refuse',
    onStepFailure: 'observe',
    approval: { effects: [], tools: [] },
    prices: null,
  };
}

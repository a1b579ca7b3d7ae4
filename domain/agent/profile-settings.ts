import { z } from 'zod';
import type { AttemptSettings } from './attempt/settings.ts';
import { rulesByRelease } from './rules.ts';

/** How sure it is that a checkpoint exists and serves this agent. */
const checkpointStatusSchema = z.enum(['official', 'community', 'unconfirmed']);

/** One form in which a model's weights can be had, and how it is served. */
export const variantSchema = z.strictObject({
  form: z
    .enum(['bf16', 'fp8', 'awq-4bit', 'awq-8bit', 'int4-autoround', 'gguf', 'mlx-4bit'])
    .describe('precision and file form of the weights'),
  checkpoint: z
    .string()
    .min(1)
    .nullable()
    .describe('where the weights are; null where none is confirmed: serving it then needs --model'),
  status: checkpointStatusSchema.describe(
    'official: by the model’s makers; community: by others; unconfirmed: not seen',
  ),
  publishers: z
    .array(z.string().min(1))
    .describe('who publishes it, where more than one does or its name is not confirmed'),
  server: z.enum(['sglang', 'vllm', 'llama.cpp', 'mlx']).describe('the server that the flags are for'),
  flags: z
    .array(z.string().min(1))
    .describe(
      'its flags beside the model; never a reasoning parser or a tool-call parser, which move text out of the reply',
    ),
  source: z.string().min(1).describe('where all of this was read'),
});
export type Variant = z.infer<typeof variantSchema>;

/** A model, whatever the form of its weights. */
export const checkpointSchema = z.strictObject({
  name: z.string().min(1).describe('its makers’ name'),
  base: z.string().min(1).describe('the model that it was trained from'),
  windowTokens: z.int().min(1_024).describe('context window that it was trained for'),
  baseWindowTokens: z
    .int()
    .min(1_024)
    .describe('window of its base; where it is smaller, the served rope scaling is to be checked'),
  kvBytesPerToken: z.int().min(1).describe('key-value cache in BF16, from the base’s architecture'),
  weightsGb: z.int().min(1).describe('weights in BF16'),
  variants: z.array(variantSchema).min(1),
  source: z.string().min(1),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;

/** Sampling as it is sent to the server. */
const profileSamplingSchema = z.strictObject({
  temperature: z.number().min(0).max(2),
  topP: z.number().gt(0).max(1),
  repetitionPenalty: z.number().gt(0).max(2).describe('1 is not sent'),
});

/** A preset agent: a model, and everything that it decides with. */
export const agentProfileSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'a profile name is 1 to 63 of a-z, 0-9, . and -'),
  description: z.string().min(1),
  model: z.string().min(1).nullable().describe('name of its checkpoint; null serves any model'),
  dialect: z.enum(['mcp-xml', 'native-tools']).describe('how calls are written'),
  decides: z.enum(['v1.0', 'v1.7']).describe('which release’s rules decide'),
  maxTurns: z.int().min(1).describe('turns of one attempt'),
  keep: z.int().min(-1).describe('newest observations in view; −1 keeps all'),
  batch: z
    .int()
    .min(0)
    .describe(
      'by how much the view grows before it is cut to `keep`; above 0 it is not measured against published scores',
    ),
  restarts: z.int().min(0).describe('attempts that may follow the first'),
  retryWithSummary: z.boolean().describe('an attempt without an answer writes down why, for the next one to read'),
  windowTokens: z.int().min(1_024).describe('context window'),
  maxTokens: z.int().min(16).describe('longest completion of a first try'),
  contextCount: z.enum(['o200k', 'served']).describe('how tokens are counted for the context check'),
  overflow: z
    .enum(['finish', 'shrink'])
    .describe('a prompt that the server refuses as too long: ask for the answer, or show less first'),
  thoughtCompaction: z.boolean().describe('thoughts that alone fill the window are compacted'),
  stopsWithoutProgress: z
    .boolean()
    .describe('repeated identical calls end the run, beside the warning that they always are'),
  stopsOnInvalidOutput: z
    .boolean()
    .describe('replies that cannot be read end the run, beside the warning that they always are'),
  stopsOnDegenerateOutput: z
    .boolean()
    .describe('repetitive replies end the run, beside the warning that they always are'),
  sampling: profileSamplingSchema,
  tools: z.array(z.string().min(1)).describe('names of the tools that it is shown, in prompt order'),
  source: z.string().min(1).describe('where the preset’s values were read'),
});
export type AgentProfile = z.infer<typeof agentProfileSchema>;

/** What an attempt of a profile decides with; `summaryTokens` is our count of the prompt that asks for the final answer. */
export function toAttemptSettings(profile: AgentProfile, summaryTokens: number): AttemptSettings {
  const { maxTurns, keep, batch, maxTokens, restarts, retryWithSummary, overflow } = profile;
  const rules = rulesByRelease[profile.decides];
  return {
    rules,
    maxTurns,
    keep,
    batch,
    maxTokens,
    restarts,
    retryWithSummary,
    overflow,
    summaryTokens,
    maxContext: profile.windowTokens,
  };
}

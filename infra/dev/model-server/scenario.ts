import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';

const timesSchema = z.int().min(1).default(1);

const callSchema = z.strictObject({
  server: z.string().default(''),
  tool: z.string().min(1),
  arguments: z.record(z.string(), z.unknown()).default({}),
});
export type ScenarioCall = z.infer<typeof callSchema>;

const chunkSchema = z.strictObject({
  /** Characters of one streamed chunk. */
  chars: z.int().min(1).default(400),
  intervalMs: z.number().min(0).max(600_000).default(0),
});

/** Faults come first, each as many times as it says for one conversation and position; then the reply itself is given. */
const faultFields = {
  fail: z
    .strictObject({
      status: z.int().min(400).max(599),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.string().optional(),
      times: timesSchema,
    })
    .optional(),
  cut: z.strictObject({ afterBytes: z.int().min(0), times: timesSchema }).optional(),
  hang: z.strictObject({ times: timesSchema }).optional(),
};

function isRegExp(source: string): boolean {
  try {
    return new RegExp(source, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

const replySchema = z.strictObject({
  /** Regular expression on the last message; such a reply comes before those by position. */
  when: z.string().refine(isRegExp, 'must be a regular expression').optional(),
  /** Position in the conversation; without it, the place among the replies that have neither `when` nor `at`. */
  at: z.int().min(0).optional(),
  text: z.string().default(''),
  calls: z.array(callSchema).default([]),
  /** Output given as it is, after the text: for malformed calls. */
  raw: z.string().default(''),
  dialect: z.enum(['mcp-xml', 'native']).optional(),
  delayMs: z.number().min(0).max(600_000).optional(),
  chunk: chunkSchema.optional(),
  finish: z.enum(['stop', 'length', 'tool_calls', 'content_filter']).optional(),
  usage: z
    .strictObject({
      promptTokens: z.int().min(0).optional(),
      completionTokens: z.int().min(0).optional(),
      cachedTokens: z.int().min(0).optional(),
    })
    .default({}),
  ...faultFields,
});
export type ScenarioReply = z.infer<typeof replySchema>;

const commonFields = {
  /** Name under `/v1/models`. */
  model: z.string().min(1).default('longhaul-scripted'),
  dialect: z.enum(['mcp-xml', 'native']).default('mcp-xml'),
  delayMs: z.number().min(0).max(600_000).default(0),
  chunk: chunkSchema.default({ chars: 400, intervalMs: 0 }),
  /** Reply to the final answer request. */
  final: replySchema.optional(),
  /** Reply to a page extraction request; without it the page's beginning is given back. */
  reader: replySchema.optional(),
  /** Faults and delays laid over whatever is said at a position. */
  faults: z
    .array(
      z.strictObject({
        at: z.int().min(0),
        delayMs: z.number().min(0).max(600_000).optional(),
        ...faultFields,
      }),
    )
    .default([]),
};

const listSchema = z.strictObject({
  ...commonFields,
  generate: z.undefined().optional(),
  replies: z.array(replySchema).min(1),
});

const w600Schema = z.strictObject({
  ...commonFields,
  generate: z.literal('w600'),
  turns: z.int().min(0).max(100_000).default(600),
  tool: callSchema.default({ server: 'bench', tool: 'bench', arguments: { i: '{seq}' } }),
});

const loopSchema = z.strictObject({
  ...commonFields,
  generate: z.literal('loop'),
  turns: z.int().min(0).max(100_000),
  /** Called in turn; `{seq}` is the position, `{sandbox}` the last sandbox id in the conversation. */
  tools: z.array(callSchema).min(1),
  callsPerTurn: z.int().min(1).max(16).default(1),
  /** Random text before each call. */
  textBytes: z.int().min(0).max(1_000_000).default(0),
});

/** What the scripted mind plays. */
const scenarioSchema = z.union([listSchema, w600Schema, loopSchema]);
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioInput = z.input<typeof scenarioSchema>;

function schemaFor(value: unknown): typeof listSchema | typeof w600Schema | typeof loopSchema {
  const generate = typeof value === 'object' && value !== null && 'generate' in value ? value.generate : undefined;
  if (generate === 'w600') return w600Schema;
  if (generate === 'loop') return loopSchema;
  return listSchema;
}

/** Checks a scenario; every bad key is named in one error. `source` names where it came from. */
export function parseScenario(value: unknown, source = 'scenario'): Scenario {
  const parsed = schemaFor(value).safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`);
  throw new AppError('Config.Invalid', {
    what: `${source}: ${problems.join('; ')}`,
    mend: 'Give either replies: [...], or generate: w600 | loop with its own fields.',
  });
}

/** Reads a scenario from a YAML or JSON file. */
export function loadScenario(file: string): Scenario {
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new AppError('Config.Invalid', {
      what: `${file} cannot be read as YAML or JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      mend: 'Name a scenario file with --scenario.',
      cause,
    });
  }
  return parseScenario(value, file);
}

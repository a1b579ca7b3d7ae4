import { z } from 'zod';
import type { JsonValue } from '../../domain/agent/arguments/json-value.ts';
import type { AgentRules } from '../../domain/agent/rules.ts';

/** Under which rules a decision is made. */
export interface DecideContext {
  readonly release: 'v1.0' | 'v1.7';
  readonly rules: AgentRules;
}

/** One function of `decide`: what it takes, and what it gives. */
export interface Decision {
  /** @throws z.ZodError when the input is none of this function's */
  readonly run: (context: DecideContext, input: unknown) => unknown;
  /** Asked under the later rules only. */
  readonly laterOnly: boolean;
}

/** A decision from the schema of its input and what it does. */
export function defineDecision<Schema extends z.ZodType>(
  schema: Schema,
  decide: (context: DecideContext, input: z.infer<Schema>) => unknown,
): Decision {
  return { run: (context, input) => decide(context, schema.parse(input)), laterOnly: false };
}

/** A decision that only the later releases make. */
export function defineLaterDecision<Schema extends z.ZodType>(
  schema: Schema,
  decide: (context: DecideContext, input: z.infer<Schema>) => unknown,
): Decision {
  return { ...defineDecision(schema, decide), laterOnly: true };
}

/** Any value of JSON; what was read from a line is one. */
export const jsonValueSchema = z.custom<JsonValue>(() => true);

/** Input that is one text. */
export const textInputSchema = z.object({ text: z.string() });

/** The tools of a run, in prompt order. */
export const toolTableSchema = z.array(z.object({ server: z.string(), tools: z.array(z.string()) }));

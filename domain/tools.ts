import { z } from 'zod';

/** The pools that run tools; each is a task queue. */
export const toolPoolSchema = z.enum(['web', 'sandbox', 'tools']);
export type ToolPool = z.infer<typeof toolPoolSchema>;

/** All pools of the house. */
export const poolNames = ['orchestrator', 'model', 'web', 'sandbox', 'tools'] as const;
export type PoolName = (typeof poolNames)[number];

/**
 * What a tool's call may change.
 *
 * `read` may repeat · `sandbox` restores the workspace to before the step and runs again · `keyed` passes the step's key to a
 * receiver that deduplicates · `unkeyed` runs at most once.
 */
export const effectSchema = z.enum(['read', 'sandbox', 'keyed', 'unkeyed']);
export type Effect = z.infer<typeof effectSchema>;

/** A tool as a run knows it: what the model is shown, and where and how it is executed. */
export const toolDefinitionSchema = z.strictObject({
  server: z.string().min(1).max(64),
  name: z.string().min(1).max(64),
  description: z.string().max(2_000),
  /** JSON Schema of the arguments. */
  inputSchema: z.record(z.string(), z.unknown()),
  effect: effectSchema,
  pool: toolPoolSchema,
});
export type ToolDefinition = z.infer<typeof toolDefinitionSchema>;

/** A call as the model wrote it. */
export const toolCallSchema = z.strictObject({
  server: z.string(),
  tool: z.string(),
  arguments: z.unknown(),
  /** Why the arguments could not be read; null when they could. */
  argumentsError: z.string().nullable(),
});
export type ToolCall = z.infer<typeof toolCallSchema>;

/** Calls of one message that are executed at most; the next one is refused, and its observation speaks for all after it. */
export const maxCallsPerMessage = 16;

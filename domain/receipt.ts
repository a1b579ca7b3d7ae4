import { z } from 'zod';
import { type PoolName, toolPoolSchema } from './tools.ts';
import type { TokenUsage } from './usage.ts';

/** A call by reference: its arguments stay in the model's record. */
export const callRefSchema = z.strictObject({
  tool: z.string(),
  /** Null when the call is refused without being executed: unknown tool, unreadable arguments, one too many. */
  pool: toolPoolSchema.nullable(),
  callIndex: z.int().min(0),
  /** Present when the call waits for a person's approval before it runs. */
  approval: z.literal(true).optional(),
});
export type CallRef = Readonly<z.infer<typeof callRefSchema>>;

/**
 * What a model step leaves in history: facts, never text. At most 2 KB, usually under 400 bytes.
 *
 * `stop`: `calls` asks for tools · `end` has no call · `malformed` has the protocol's tags but no call · `length` was cut.
 */
export interface ModelReceipt {
  readonly recordDigest: string;
  readonly contentTokens: number;
  readonly usage: TokenUsage;
  readonly costMicroUsd: number | null;
  readonly stop: 'calls' | 'end' | 'malformed' | 'length' | 'failed';
  readonly calls: readonly CallRef[];
  /** Does the reply hold a non-blank boxed answer? */
  readonly boxed: boolean;
  readonly preview: string;
}

/** What a tool step leaves in history. */
export interface ToolReceipt {
  readonly recordDigest: string;
  readonly contentTokens: number;
  readonly usage: TokenUsage;
  readonly costMicroUsd: number | null;
  readonly status: 'ok' | 'failed';
  readonly preview: string;
}

/** Code points of a receipt's preview. */
export const previewChars = 72;

/** What is looked at for a preview, in UTF-16 units. */
const maxPreviewedUnits = 4 * previewChars;

/** The first words of a text on one line, for people who read histories. */
export function toPreview(text: string): string {
  const beginning = text.slice(0, maxPreviewedUnits);
  // A cut may fall inside a character; half of it is not shown.
  const whole = beginning.isWellFormed() ? beginning : beginning.replace(/[\ud800-\udbff]$/, '');
  const points = Array.from(whole.replaceAll(/\s+/gu, ' ').trim());
  if (points.length <= previewChars && beginning.length === text.length) return points.join('');
  return `${points.slice(0, previewChars - 1).join('')}…`;
}

/** The task queue of a pool; a prefix keeps installations (and tests) on one server apart. */
export function toTaskQueue(prefix: string, pool: PoolName): string {
  return `${prefix}${pool}`;
}

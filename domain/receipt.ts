import type { PoolName, ToolPool } from './tools.ts';
import type { TokenUsage } from './usage.ts';

/** A call by reference: its arguments stay in the model's record. */
export interface CallRef {
  readonly tool: string;
  /** Null when the call is refused without being executed: unknown tool, unreadable arguments, one too many. */
  readonly pool: ToolPool | null;
  readonly callIndex: number;
}

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

/** The first words of a text on one line, for people who read histories. */
export function toPreview(text: string): string {
  const line = text
    .slice(0, 4 * previewChars)
    .replaceAll(/\s+/gu, ' ')
    .trim();
  const points = Array.from(line);
  return points.length <= previewChars ? line : `${points.slice(0, previewChars - 1).join('')}…`;
}

/** The task queue of a pool; a prefix keeps installations (and tests) on one server apart. */
export function toTaskQueue(prefix: string, pool: PoolName): string {
  return `${prefix}${pool}`;
}

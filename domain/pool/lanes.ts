import { toTaskQueue } from '../receipt.ts';

/**
 * The queue of a run's first model call.
 *
 * It is its own so that a full pool can hold new runs back while those that have begun go on: a worker takes from it only when there is
 * room for one more context.
 */
export function toEntryQueue(prefix: string): string {
  return `${toTaskQueue(prefix, 'model')}-entry`;
}

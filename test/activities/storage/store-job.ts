import type { StoreSpec } from './store-spec.ts';

/** What a child process does with the store once all children are ready. */
export type StoreJob =
  /** For each key in turn, so many calls at once with bytes of their own. Reports the bytes that won, per key. */
  | { readonly kind: 'put-if-absent'; readonly keys: readonly string[]; readonly racers: number }
  /** So many swaps at once from one tag. Reports the bytes that won. */
  | { readonly kind: 'swap'; readonly key: string; readonly etag: string; readonly racers: number }
  /** Adds one to a counter so many times, each by read and swap, again when the swap is lost. */
  | { readonly kind: 'increment'; readonly key: string; readonly times: number }
  /** Writes whole objects in every way without end; reports each key once it is acknowledged. Ends by a kill. */
  | { readonly kind: 'write-forever' }
  /** Takes the directory's lock and never gives it back. Ends by a kill. */
  | { readonly kind: 'hold-lock'; readonly path: string };

export interface StoreOrder {
  readonly spec: StoreSpec;
  readonly job: StoreJob;
  /** Tells one child's bytes from another's. */
  readonly name: string;
}

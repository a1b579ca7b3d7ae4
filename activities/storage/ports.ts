/** An object as read, with the version tag that {@link ObjectStore.compareAndSwap} takes. */
export interface StoredObject {
  readonly bytes: Uint8Array;
  /**
   * Opaque; changes whenever the bytes change. Writing equal bytes again may keep it (S3's tags name the bytes), so what takes part
   * in a swap carries something of its own: a fence, a counter, a holder's nonce.
   */
  readonly etag: string;
}

/**
 * The only place for text: a flat key → bytes store.
 *
 * *Contract:* keys are `/`-separated segments of `[A-Za-z0-9._-]`, never empty, `.` or `..` (else `Storage.BadKey`). A write is
 * durable and visible to every reader once its promise resolves; a reader never sees half an object. When the store cannot be
 * reached every method throws `Storage.Unavailable`, when it has no room `Storage.Full`: both may be tried again.
 */
export interface ObjectStore {
  /** The object, or null when the key is absent. */
  readonly get: (key: string) => Promise<StoredObject | null>;
  /** Size in bytes and tag, or null when the key is absent. */
  readonly head: (key: string) => Promise<{ readonly sizeBytes: number; readonly etag: string } | null>;
  /** Writes, whatever was there. */
  readonly put: (key: string, bytes: Uint8Array) => Promise<void>;
  /** Writes only when the key is absent: `true` when this call won. Exactly one of any racing calls wins. */
  readonly putIfAbsent: (key: string, bytes: Uint8Array) => Promise<boolean>;
  /** Writes only when the object still has `etag`: the new tag, or null when it has another one or is gone. */
  readonly compareAndSwap: (key: string, bytes: Uint8Array, etag: string) => Promise<string | null>;
  /** Up to `limit` keys that start with `prefix`, in byte order, after the key `after` when given. */
  readonly list: (prefix: string, options?: { readonly after?: string; readonly limit?: number }) => Promise<string[]>;
  /** Removes; absent is fine. */
  readonly delete: (key: string) => Promise<void>;
  /** Writes an object of any size from chunks, whatever was there; memory stays bounded. */
  readonly putStream: (key: string, chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Reads an object of any size in chunks, or null when the key is absent. */
  readonly getStream: (key: string) => Promise<AsyncIterable<Uint8Array> | null>;
}

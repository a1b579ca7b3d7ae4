import { createHash } from 'node:crypto';
import type { ObjectStore } from '../../activities/storage/ports.ts';
import { AppError } from '../../domain/errors.ts';

/** A declared fake of the object store: same shape, one process, and it can be taken away. */
export interface MemoryObjectStore extends ObjectStore {
  readonly objects: Map<string, Uint8Array>;
  /** While true every call throws `Storage.Unavailable`. */
  isAway: boolean;
}

const tagOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export function createMemoryObjectStore(): MemoryObjectStore {
  const objects = new Map<string, Uint8Array>();
  const reach = () => {
    if (store.isAway) throw new AppError('Storage.Unavailable', { what: 'the memory store was taken away' });
  };
  const store: MemoryObjectStore = {
    objects,
    isAway: false,
    get: async (key) => {
      reach();
      const bytes = objects.get(key);
      return bytes === undefined ? null : { bytes, etag: tagOf(bytes) };
    },
    head: async (key) => {
      reach();
      const bytes = objects.get(key);
      return bytes === undefined ? null : { sizeBytes: bytes.byteLength, etag: tagOf(bytes) };
    },
    put: async (key, bytes) => {
      reach();
      objects.set(key, bytes);
    },
    putIfAbsent: async (key, bytes) => {
      reach();
      if (objects.has(key)) return false;
      objects.set(key, bytes);
      return true;
    },
    compareAndSwap: async (key, bytes, etag) => {
      reach();
      const standing = objects.get(key);
      if (standing === undefined || tagOf(standing) !== etag) return null;
      objects.set(key, bytes);
      return tagOf(bytes);
    },
    list: async (prefix, { after = '', limit = 1_000 } = {}) => {
      reach();
      return [...objects.keys()]
        .filter((key) => key.startsWith(prefix) && key > after)
        .toSorted()
        .slice(0, limit);
    },
    delete: async (key) => {
      reach();
      objects.delete(key);
    },
    putStream: async (key, chunks) => {
      reach();
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      objects.set(key, Buffer.concat(parts));
    },
    getStream: async (key) => {
      reach();
      const bytes = objects.get(key);
      return bytes === undefined
        ? null
        : (async function* () {
            yield bytes;
          })();
    },
  };
  return store;
}

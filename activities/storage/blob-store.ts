import { AppError } from '../../domain/errors.ts';
import { compress, decompress, digestBytes } from './encoding.ts';
import { keys } from './keys.ts';
import type { ObjectStore } from './ports.ts';

/** Content-addressed bytes of a tenant: compressed in the store, checked on every read. */
export interface BlobStore {
  /** Writes under the digest of `plain`; a content that is there is not written again. Returns the digest. */
  readonly put: (tenant: string, plain: Uint8Array | string) => Promise<string>;
  /** @throws AppError `Storage.Missing` or `Storage.Corrupt`, naming the digest */
  readonly get: (tenant: string, digest: string) => Promise<Buffer>;
}

/** Blobs over an object store. */
export function createBlobStore(objects: ObjectStore): BlobStore {
  return {
    put: async (tenant, plain) => {
      const digest = digestBytes(plain);
      const key = keys.blob(tenant, digest);
      const packed = compress(plain);
      const won = await objects.putIfAbsent(key, packed);
      if (!won) await heal(objects, key, { digest, packed });
      return digest;
    },
    get: async (tenant, digest) => {
      const key = keys.blob(tenant, digest);
      const stored = await objects.get(key);
      if (stored === null) {
        throw new AppError('Storage.Missing', { what: `blob ${digest} of tenant ${tenant} is not in the store` });
      }
      const plain = decompress(stored.bytes, key);
      if (digestBytes(plain) !== digest) {
        throw new AppError('Storage.Corrupt', {
          what: `blob ${digest} of tenant ${tenant} has other bytes than its name says`,
        });
      }
      return plain;
    },
  };
}

/** An object that stands under a content's key must be that content; a damaged one is written over. */
async function heal(objects: ObjectStore, key: string, content: { digest: string; packed: Uint8Array }): Promise<void> {
  const stored = await objects.get(key);
  if (stored !== null && isIntact(stored.bytes, key, content.digest)) return;
  await objects.put(key, content.packed);
}

function isIntact(bytes: Uint8Array, key: string, digest: string): boolean {
  try {
    return digestBytes(decompress(bytes, key)) === digest;
  } catch {
    return false;
  }
}

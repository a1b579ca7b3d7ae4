import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { createS3Store, type S3StoreOptions } from '../../../activities/storage/adapters/s3.ts';
import type { ObjectStore } from '../../../activities/storage/ports.ts';

/** How any process opens a store: plain data, so that it can be sent to a child. */
export type StoreSpec =
  | { readonly kind: 'directory'; readonly directory: string }
  | { readonly kind: 's3'; readonly options: S3StoreOptions };

export function openStore(spec: StoreSpec): ObjectStore {
  return spec.kind === 'directory' ? createDirectoryStore(spec) : createS3Store(spec.options);
}

import { createDirectoryStore } from '../../activities/storage/adapters/directory.ts';
import { type BlobStore, createBlobStore } from '../../activities/storage/blob-store.ts';
import type { ObjectStore } from '../../activities/storage/ports.ts';
import { createTrajectoryStore, type TrajectoryStore } from '../../activities/storage/trajectory-store.ts';
import type { StoreConfig } from './config.ts';

/** The store and what stands on it. */
export interface Storage {
  readonly objects: ObjectStore;
  readonly blobs: BlobStore;
  readonly trajectory: TrajectoryStore;
}

async function openObjects(store: StoreConfig): Promise<ObjectStore> {
  if (store.kind === 'directory') return createDirectoryStore({ directory: store.directory });
  // Loaded only where it is used: the client is the largest dependency of a worker's start.
  const { createS3Store } = await import('../../activities/storage/adapters/s3.ts');
  return createS3Store({
    bucket: store.bucket,
    region: process.env['AWS_REGION'] ?? 'us-east-1',
    ...(store.prefix === '' ? {} : { prefix: store.prefix }),
    ...(store.endpoint === null ? {} : { endpoint: store.endpoint, forcePathStyle: true }),
  });
}

/** Opens the configured store; which one is known only here. */
export async function openStorage(store: StoreConfig): Promise<Storage> {
  const objects = await openObjects(store);
  const blobs = createBlobStore(objects);
  return { objects, blobs, trajectory: createTrajectoryStore({ objects, blobs }) };
}

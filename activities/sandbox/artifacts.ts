import { z } from 'zod';
import { digestSchema, type RunRef } from '../../domain/ids.ts';
import { compress, decompress, parseStored } from '../storage/encoding.ts';
import { keys } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/ports.ts';

/** A file that a run took out of a sandbox for its user: named here, its bytes stand in the snapshot of the step before. */
const artifactSchema = z.strictObject({
  schemaVersion: z.literal(1),
  /** The step that took it out. */
  seq: z.int().min(0),
  name: z.string().min(1).max(255),
  sandboxId: z.string(),
  /** Path in the sandbox. */
  path: z.string(),
  treeDigest: digestSchema,
  /** SHA-256 of its bytes. */
  digest: digestSchema,
  sizeBytes: z.int().min(0),
});
export type Artifact = z.infer<typeof artifactSchema>;

/** The files that runs took out of their sandboxes. */
export interface ArtifactStore {
  /** Put once for a step; a second time changes nothing. */
  readonly put: (run: RunRef, artifact: Artifact) => Promise<void>;
  /** In the order of steps. */
  readonly list: (run: RunRef) => Promise<Artifact[]>;
}

export function createArtifactStore(objects: ObjectStore): ArtifactStore {
  return {
    put: async (run, artifact) => {
      await objects.putIfAbsent(keys.artifact(run, artifact.seq), compress(JSON.stringify(artifact)));
    },
    list: async (run) => {
      const found = await objects.list(keys.artifacts(run));
      const artifacts = await Promise.all(
        found.map(async (key) => {
          const stored = await objects.get(key);
          return stored === null
            ? []
            : [parseStored(decompress(stored.bytes, key).toString('utf8'), key, artifactSchema)];
        }),
      );
      return artifacts.flat();
    },
  };
}

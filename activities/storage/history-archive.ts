import { constants, zstdCompressSync } from 'node:zlib';
import type { RunRef } from '../../domain/ids.ts';
import { decompress } from './encoding.ts';
import { keys } from './keys.ts';
import type { ObjectStore } from './ports.ts';

/** Histories are written once and seldom read: they are packed tighter than what a run waits for. */
const level = 12;

/** The engine's histories of ended runs, kept beyond the engine's own retention. */
export interface HistoryArchive {
  /** Writes the history of a run's n-th execution, from 0, unless it stands there. */
  readonly put: (run: RunRef, n: number, json: string) => Promise<void>;
  /** The histories of a run in order; empty when it is not archived. */
  readonly read: (run: RunRef) => AsyncGenerator<string, void, undefined>;
}

/** The archive over an object store. */
export function createHistoryArchive(objects: ObjectStore): HistoryArchive {
  return {
    put: async (run, n, json) => {
      const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 };
      await objects.putIfAbsent(keys.history(run, n), zstdCompressSync(json, { params }));
    },
    read: async function* (run) {
      for (const key of await objects.list(keys.histories(run))) {
        const stored = await objects.get(key);
        if (stored !== null) yield decompress(stored.bytes, key).toString('utf8');
      }
    },
  };
}

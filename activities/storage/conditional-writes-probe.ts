import { randomUUID } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import type { ObjectStore } from './ports.ts';

/**
 * Refuses a store that ignores conditional writes: on it two workers could both record the same step.
 *
 * *Contract:* writes one key of its own below `probes/`, and removes it. Run it at the start of every process that writes steps.
 *
 * @throws AppError `Config.Invalid` when a second put-if-absent, or a swap with a wrong tag, was accepted; `Storage.Unavailable` or
 * `Storage.Full` when the store cannot be asked.
 */
export async function assertConditionalWrites(store: ObjectStore): Promise<void> {
  const key = `probes/conditional-writes/${randomUUID()}`;
  const [first, second] = [new TextEncoder().encode('first'), new TextEncoder().encode('second')];
  try {
    if (!(await store.putIfAbsent(key, first)))
      throw refuse('refuses to write an absent key when told "only if absent"');
    if (await store.putIfAbsent(key, second))
      throw refuse('ignores If-None-Match: it accepted a second write of one key');
    const kept = await store.get(key);
    if (kept === null || new TextDecoder().decode(kept.bytes) !== 'first') {
      throw refuse('says that it refused a second write of one key, but holds other bytes than the first');
    }
    await assertSwap({ store, key, second }, kept.etag);
  } finally {
    await store.delete(key);
  }
}

interface Probe {
  readonly store: ObjectStore;
  readonly key: string;
  readonly second: Uint8Array;
}

async function assertSwap({ store, key, second }: Probe, etag: string): Promise<void> {
  if ((await store.compareAndSwap(key, second, etag)) === null) {
    throw refuse('refuses a write although the object still has the tag in If-Match');
  }
  if ((await store.compareAndSwap(key, new TextEncoder().encode('third'), etag)) !== null) {
    throw refuse('ignores If-Match: it accepted a write over an object that had changed');
  }
}

function refuse(what: string): AppError {
  return new AppError('Config.Invalid', {
    what: `the object store ${what}`,
    mend: 'Longhaul needs conditional writes (AWS S3, or a server with If-None-Match and If-Match on PutObject): choose another store, or a newer server.',
  });
}

import { randomUUID } from 'node:crypto';
import { AppError } from '../../domain/errors.ts';
import type { ObjectStore } from './ports.ts';

const raceKeys = 4;
const racers = 8;

/**
 * Refuses a store that ignores conditional writes, or checks the condition and writes in two steps: on it two workers could both record
 * the same step.
 *
 * *Contract:* writes a few keys of its own below `probes/`, and removes them. Run it at the start of every process that writes steps.
 * A store that ignores the conditions is always found. One that is only not atomic is found with some luck, as the short race may go
 * well by chance; a pass is no proof.
 *
 * @throws AppError `Config.Invalid` when a write was accepted against its condition; `Storage.Unavailable` or `Storage.Full` when the
 * store cannot be asked.
 */
export async function assertConditionalWrites(store: ObjectStore): Promise<void> {
  const folder = `probes/conditional-writes/${randomUUID()}`;
  const keys = Array.from({ length: raceKeys }, (_, index) => `${folder}/race-${index}`);
  try {
    await assertInOrder(store, `${folder}/order`);
    for (const key of keys) await assertRace(store, key);
  } finally {
    await Promise.all([`${folder}/order`, ...keys].map((key) => store.delete(key)));
  }
}

async function assertInOrder(store: ObjectStore, key: string): Promise<void> {
  if (!(await store.putIfAbsent(key, encode('first')))) throw refuse('does not write an absent key "only if absent"');
  if (await store.putIfAbsent(key, encode('second'))) {
    throw refuse('ignores If-None-Match: it accepted a second write of one key');
  }
  const kept = await store.get(key);
  if (kept === null || new TextDecoder().decode(kept.bytes) !== 'first') {
    throw refuse('said that it refused a second write of one key, but holds other bytes than the first');
  }
  if ((await store.compareAndSwap(key, encode('third'), kept.etag)) === null) {
    throw refuse('refuses a write although the object still has the tag in If-Match');
  }
  if ((await store.compareAndSwap(key, encode('fourth'), kept.etag)) !== null) {
    throw refuse('ignores If-Match: it accepted a write over an object that had changed');
  }
}

async function assertRace(store: ObjectStore, key: string): Promise<void> {
  const texts = Array.from({ length: racers }, (_, racer) => `racer ${racer}`);
  const won = await Promise.all(texts.map((text) => store.putIfAbsent(key, encode(text))));
  const winners = won.filter(Boolean).length;
  if (winners > 1)
    throw refuse(`is not atomic: ${winners} of ${racers} racing writes "only if absent" were all accepted`);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function refuse(what: string): AppError {
  return new AppError('Config.Invalid', {
    what: `the object store ${what}`,
    mend: 'Longhaul needs atomic conditional writes (AWS S3, or a server with If-None-Match and If-Match on PutObject): choose another store, or a newer server.',
  });
}

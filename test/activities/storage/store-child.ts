// Runs one StoreJob in a process of its own; started by `startChild` with an IPC channel.
import { randomBytes, randomInt } from 'node:crypto';
import { createDirectoryLock } from '../../../activities/storage/adapters/directory-lock.ts';
import type { ObjectStore } from '../../../activities/storage/ports.ts';
import type { StoreJob, StoreOrder } from './store-job.ts';
import { openStore } from './store-spec.ts';
import { sealed } from './sealed-bytes.ts';

type JobOf<K extends StoreJob['kind']> = Extract<StoreJob, { kind: K }>;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const report = (message: unknown): void => void process.send?.(message);

async function putIfAbsent(store: ObjectStore, job: JobOf<'put-if-absent'>, name: string): Promise<string[][]> {
  const winners: string[][] = [];
  for (const key of job.keys) {
    const texts = Array.from({ length: job.racers }, (_, racer) => `${name}.${racer} for ${key}`);
    const won = await Promise.all(texts.map((text) => store.putIfAbsent(key, encode(text))));
    winners.push(texts.filter((_, racer) => won[racer] === true));
  }
  return winners;
}

async function swap(store: ObjectStore, job: JobOf<'swap'>, name: string): Promise<string[]> {
  const texts = Array.from({ length: job.racers }, (_, racer) => `${name}.${racer}`);
  const tags = await Promise.all(texts.map((text) => store.compareAndSwap(job.key, encode(text), job.etag)));
  return texts.filter((_, racer) => tags[racer] !== null);
}

async function increment(store: ObjectStore, job: JobOf<'increment'>, name: string): Promise<number> {
  let done = 0;
  while (done < job.times) {
    const found = await store.get(job.key);
    if (found === null) throw new Error(`${job.key} is gone`);
    const count = Number(new TextDecoder().decode(found.bytes).split(' ')[0]);
    const next = encode(`${count + 1} ${name} ${randomBytes(6).toString('hex')}`);
    if ((await store.compareAndSwap(job.key, next, found.etag)) !== null) done += 1;
  }
  return done;
}

async function writeForever(store: ObjectStore, name: string): Promise<never> {
  for (let turn = 0; ; turn += 1) {
    const key = `crash/${name}/${Math.floor(turn / 20)}/${turn}`;
    const bytes = sealed(randomInt(1, 150_000));
    if (turn % 3 === 0) await store.putIfAbsent(key, bytes);
    else if (turn % 3 === 1) await store.put(key, bytes);
    else await store.putStream(key, inPieces(bytes));
    report({ acknowledged: key });
    const lease = await store.get('crash/lease');
    if (lease !== null) await store.compareAndSwap('crash/lease', sealed(randomInt(1, 2_000)), lease.etag);
  }
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

async function holdLock(path: string): Promise<void> {
  await createDirectoryLock(path).run('held', () => {
    report({ held: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}

async function work({ spec, job, name }: StoreOrder): Promise<unknown> {
  const store = openStore(spec);
  switch (job.kind) {
    case 'put-if-absent':
      return putIfAbsent(store, job, name);
    case 'swap':
      return swap(store, job, name);
    case 'increment':
      return increment(store, job, name);
    case 'write-forever':
      return writeForever(store, name);
    case 'hold-lock':
      return holdLock(job.path);
    default:
      return job satisfies never;
  }
}

let order: StoreOrder | undefined;
process.on('message', (message: StoreOrder | 'go') => {
  if (message !== 'go') {
    order = message;
    report({ ready: true });
    return;
  }
  if (order === undefined) throw new Error('told to go without an order');
  work(order).then(
    (result) => process.send?.({ result }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failed: String(error) }, () => process.disconnect()),
  );
});

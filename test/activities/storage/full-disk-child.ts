// Fills the small file system that its argument names, looks what is left, makes room and goes on. Prints one JSON object.
// Run by directory.test.ts in a mount namespace of its own, so that no mount is left behind whatever happens.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { AppError } from '../../../domain/errors.ts';
import { isWhole, sealed } from './sealed-bytes.ts';

const home = process.argv[2] ?? '';
const store = createDirectoryStore({ directory: join(home, 'store') });
const tryTo = async (work: Promise<unknown>): Promise<string> => {
  try {
    return JSON.stringify((await work) ?? null);
  } catch (error) {
    return error instanceof AppError ? error.type : String(error);
  }
};
async function* pieces(count: number): AsyncGenerator<Uint8Array> {
  for (let turn = 0; turn < count; turn += 1) yield Buffer.alloc(50_000, turn);
}

await store.put('full/lease', sealed(1_000));
const lease = await store.get('full/lease');
let filled = 0;
let filling = '';
while (filling === '') {
  const outcome = await tryTo(store.putIfAbsent(`full/${filled}`, sealed(90_000)));
  if (outcome === 'true') filled += 1;
  else filling = outcome;
}
const full = {
  putIfAbsent: filling,
  put: await tryTo(store.put('full/put', sealed(200_000))),
  overwrite: await tryTo(store.put('full/0', sealed(200_000))),
  putStream: await tryTo(store.putStream('full/stream', pieces(20))),
  swap: await tryTo(store.compareAndSwap('full/lease', sealed(200_000), lease?.etag ?? '')),
};
const scratchLeft = readdirSync(join(home, 'store', '~tmp')).length;
const keys = await store.list('');
const found = await Promise.all(keys.map((key) => store.get(key)));
const broken = keys.filter((_, index) => !isWhole(found[index]?.bytes ?? new Uint8Array()));

// Deleting must need no room, or a full disk could not be mended from inside.
const deleted = await tryTo(store.delete('full/0'));
const after = await tryTo(store.putIfAbsent('full/after', sealed(50_000)));

// The same folder seen through a mount for reading only.
const readOnly = join(home, 'read-only');
mkdirSync(readOnly);
spawnSync('mount', ['--bind', join(home, 'store'), readOnly], { stdio: 'inherit' });
spawnSync('mount', ['-o', 'remount,bind,ro', readOnly], { stdio: 'inherit' });
const other = createDirectoryStore({ directory: readOnly });
const reading = (await other.get('full/after'))?.bytes.byteLength ?? 0;
const writing = await tryTo(other.put('full/more', sealed(10)));
console.log(JSON.stringify({ filled, full, scratchLeft, keys: keys.length, broken, deleted, after, reading, writing }));

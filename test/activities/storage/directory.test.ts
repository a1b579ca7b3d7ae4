import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { walkKeys } from '../../../activities/storage/adapters/directory-list.ts';
import { describeObjectStore, type StoreFixture } from './object-store.contract.ts';
import { isWhole, sealed } from './sealed-bytes.ts';
import { startChild } from './store-children.ts';

const execute = promisify(execFile);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const failure = (type: string, message: RegExp): unknown =>
  expect.objectContaining({ name: 'AppError', type, message: expect.stringMatching(message) });

async function createHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'longhaul-store-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return home;
}

async function createFixture(): Promise<StoreFixture> {
  const home = await createHome();
  const [directory, aside] = [join(home, 'store'), join(home, 'aside')];
  const removed = {
    name: 'folder removed',
    begin: async () => rename(directory, aside).catch(() => writeFile(directory, 'never opened')),
    end: async () => {
      await rm(directory, { force: true });
      await rename(aside, directory).catch(() => undefined);
    },
  };
  const replaced = {
    name: 'folder made a file',
    begin: async () => {
      await rename(directory, aside);
      await writeFile(directory, 'a file');
    },
    end: removed.end,
  };
  return { spec: { kind: 'directory', directory }, outages: [removed, replaced] };
}

describeObjectStore('directory', createFixture);

describe('directory store: what is on the disk', () => {
  it('an object → one plain file at its key, and no scratch file', async () => {
    const home = await createHome();
    await createDirectoryStore({ directory: home }).putIfAbsent('t/a/b', bytesOf('plain'));
    expect(await readFile(join(home, 't/a/b'), 'utf8')).toBe('plain');
    expect(await readdir(join(home, '~tmp'))).toEqual([]);
  });

  it('a key that continues another, or is continued by one → Storage.BadKey, and both stay as they were', async () => {
    const store = createDirectoryStore({ directory: await createHome() });
    await store.put('t/a', bytesOf('a'));
    await store.put('t/b/c', bytesOf('c'));
    for (const key of ['t/a/b', 't/b']) {
      await expect(store.put(key, bytesOf('x'))).rejects.toEqual(failure('Storage.BadKey', /continue/));
      await expect(store.putIfAbsent(key, bytesOf('x'))).rejects.toEqual(failure('Storage.BadKey', /continue/));
      expect([await store.get(key), await store.head(key), await store.getStream(key)]).toEqual([null, null, null]);
      await store.delete(key);
    }
    expect(await store.list('')).toEqual(['t/a', 't/b/c']);
  });

  it('folders, scratch folder and lock removed by another process → made again', async () => {
    const home = await createHome();
    const store = createDirectoryStore({ directory: home });
    await store.put('t/a/b', bytesOf('1'));
    await Promise.all(['t', '~tmp', '~lock'].map((name) => rm(join(home, name), { recursive: true, force: true })));
    expect(await store.get('t/a/b')).toBeNull();
    expect(await store.putIfAbsent('t/a/b', bytesOf('2'))).toBe(true);
    await Promise.all(['t', '~tmp', '~lock'].map((name) => rm(join(home, name), { recursive: true, force: true })));
    await store.put('t/a/b', bytesOf('3'));
    expect(await readFile(join(home, 't/a/b'), 'utf8')).toBe('3');
  });

  it('store opened → scratch files older than an hour are gone, younger ones stay, neither is listed', async () => {
    const home = await createHome();
    const scratch = join(home, '~tmp');
    await mkdir(scratch);
    await writeFile(join(scratch, 'old'), 'half');
    await writeFile(join(scratch, 'young'), 'half');
    const twoHoursAgo = Date.now() / 1_000 - 7_200;
    await utimes(join(scratch, 'old'), twoHoursAgo, twoHoursAgo);
    const store = createDirectoryStore({ directory: home });
    expect(await store.list('')).toEqual([]);
    expect(await readdir(scratch)).toEqual(['young']);
  });

  it('walk over folders → each is read only once the walk comes to it', async () => {
    const home = await createHome();
    for (const name of ['a', 'b', 'c']) {
      await mkdir(join(home, name));
      await writeFile(join(home, name, '1'), '');
    }
    const walk = walkKeys(home, { prefix: '', after: '' });
    expect((await walk.next()).value).toBe('a/1');
    // Were the folders read at the start, these would be missed.
    await writeFile(join(home, 'b', '2'), '');
    await rm(join(home, 'c', '1'));
    const rest: string[] = [];
    for await (const key of walk) rest.push(key);
    expect(rest).toEqual(['b/1', 'b/2']);
  });

  it('a folder where no folder can be made → Storage.Unavailable with the mend', async () => {
    const home = await createHome();
    await writeFile(join(home, 'file'), '');
    const store = createDirectoryStore({ directory: join(home, 'file', 'store') });
    await expect(store.get('t/a')).rejects.toEqual(
      failure('Storage.Unavailable', /t\/a.*Bring the store's folder back/),
    );
  });
});

describe('directory store: processes that die', () => {
  it(
    'writer killed at 15 random moments → only whole objects, all acknowledged ones, swaps go on',
    { timeout: 120_000 },
    async () => {
      const directory = await createHome();
      const store = createDirectoryStore({ directory });
      await store.put('crash/lease', sealed(100));
      const acknowledged: string[] = [];
      for (let kill = 0; kill < 15; kill += 1) {
        const spec = { kind: 'directory', directory } as const;
        const child = await startChild({ spec, job: { kind: 'write-forever' }, name: `writer-${kill}` });
        let wanted = 5 + Math.floor(Math.random() * 40);
        const enough = child.next((message) => {
          if (message.acknowledged !== undefined) acknowledged.push(message.acknowledged);
          return (wanted -= 1) <= 0 ? true : undefined;
        });
        child.go();
        await enough;
        await child.kill();
        const lease = await store.get('crash/lease');
        expect(await store.compareAndSwap('crash/lease', sealed(100 + kill), lease!.etag)).not.toBeNull();
      }
      expect(acknowledged.length).toBeGreaterThan(15 * 5);
      const keys = await store.list('crash/');
      expect(keys).toEqual(expect.arrayContaining(acknowledged));
      const broken: string[] = [];
      for (const key of keys) if (!isWhole((await store.get(key))!.bytes)) broken.push(key);
      expect(broken).toEqual([]);
    },
  );

  it('lock held by a process that stands still → a swap waits; the process killed → the swap goes on at once', async () => {
    const directory = await createHome();
    const store = createDirectoryStore({ directory });
    await store.put('t/lease', bytesOf('before'));
    const etag = (await store.head('t/lease'))!.etag;
    const job = { kind: 'hold-lock', path: join(directory, '~lock') } as const;
    const holder = await startChild({ spec: { kind: 'directory', directory }, job, name: 'holder' });
    onTestFinished(() => holder.kill());
    const held = holder.next((message) => message.held);
    holder.go();
    await held;
    let settled = false;
    const swap = store.compareAndSwap('t/lease', bytesOf('after'), etag).finally(() => (settled = true));
    // Each of these takes longer than the whole swap would.
    for (let turn = 0; turn < 50; turn += 1) await store.putIfAbsent(`t/other/${turn}`, bytesOf('x'));
    expect(settled).toBe(false);
    expect(new TextDecoder().decode((await store.get('t/lease'))!.bytes)).toBe('before');
    await holder.kill();
    expect(await swap).not.toBeNull();
    expect(new TextDecoder().decode((await store.get('t/lease'))!.bytes)).toBe('after');
  });
});

describe('directory store: a disk that is full, or for reading only', () => {
  it(
    'every kind of write on a full disk → Storage.Full and no half object; room made → it goes on',
    { timeout: 60_000 },
    async () => {
      const home = await createHome();
      const stdout = await runOnSmallDisk(home, join(import.meta.dirname, 'full-disk-child.ts'));
      const report: unknown = JSON.parse(stdout);
      const full = 'Storage.Full';
      expect(report).toEqual({
        filled: 11,
        full: { putIfAbsent: full, put: full, overwrite: full, putStream: full, swap: full },
        scratchLeft: 0,
        keys: 12,
        broken: [],
        deleted: 'null',
        after: 'true',
        reading: 50_064,
        writing: 'Storage.Unavailable',
      });
    },
  );
});

/** Runs the script on a tmpfs of 1 MiB, mounted in a namespace of its own that ends with it. */
async function runOnSmallDisk(home: string, script: string): Promise<string> {
  const namespace = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
  const mount = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" "$3" "$1"';
  try {
    return (await execute('unshare', [...namespace, 'sh', '-c', mount, 'sh', home, process.execPath, script])).stdout;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `this test needs a small tmpfs of its own: run it as root, or allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), with util-linux installed. ${why}`,
      { cause: error },
    );
  }
}

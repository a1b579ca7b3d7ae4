import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createS3Store, type S3StoreOptions } from '../../../activities/storage/adapters/s3.ts';
import { ensureVersitygw } from '../../../infra/dev/toolchain/versitygw.ts';
import { startVersitygw, type VersitygwServer } from '../../../infra/dev/toolchain/versitygw-server.ts';
import { type Fault, type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts';
import { describeObjectStore, type StoreFixture } from './object-store.contract.ts';

let home = '';
let server: VersitygwServer;
let fixtures = 0;

// The first build of the server takes about a minute.
beforeAll(async () => {
  const tool = await ensureVersitygw({ env: process.env, report: (line) => console.error(line) });
  home = await mkdtemp(join(tmpdir(), 'longhaul-s3-'));
  server = await startVersitygw({ binary: tool.path, directory: home });
}, 600_000);

afterAll(async () => {
  await server?.stop();
  await rm(home, { recursive: true, force: true });
});

function optionsAt(endpoint: string): S3StoreOptions {
  const credentials = { accessKeyId: server.accessKey, secretAccessKey: server.secretKey };
  const prefix = `case-${(fixtures += 1)}/store`;
  return { bucket: server.bucket, region: 'us-east-1', endpoint, credentials, forcePathStyle: true, prefix };
}

async function createProxy(): Promise<FaultyProxy> {
  const proxy = await startFaultyProxy(server.endpoint);
  onTestFinished(() => proxy.close());
  return proxy;
}

async function createFixture(): Promise<StoreFixture> {
  const proxy = await createProxy();
  const closed = { name: 'endpoint closed', begin: proxy.close, end: proxy.reopen };
  const failing = {
    name: 'endpoint answers 503',
    begin: async () => void (proxy.fault = () => ({ status: 503 })),
    end: async () => void (proxy.fault = () => undefined),
  };
  return { spec: { kind: 's3', options: optionsAt(proxy.endpoint) }, outages: [closed, failing] };
}

describeObjectStore('S3', createFixture);

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const failure = (type: string, message: RegExp): unknown =>
  expect.objectContaining({ name: 'AppError', type, message: expect.stringMatching(message) });

/** The fault befalls the first `count` requests of the method; how often it did is counted. */
function befall(
  proxy: FaultyProxy,
  method: string,
  { fault, count }: { fault: Fault; count: number },
): { fired: number } {
  const state = { fired: 0 };
  proxy.fault = (used) => {
    if (used !== method || state.fired >= count) return undefined;
    state.fired += 1;
    return fault;
  };
  return state;
}

const unsureFaults: readonly { name: string; fault: Fault }[] = [
  { name: 'done, but the answer is lost', fault: 'execute-and-reset' },
  { name: 'reset before it is done', fault: 'reset' },
  { name: '409: another write under way', fault: { status: 409 } },
  { name: '500 without a word', fault: { status: 500 } },
  { name: '503 in HTML', fault: { status: 503, body: '<html><body>busy</body></html>' } },
];

describe('S3 conditional writes without a clear answer', () => {
  it.each(unsureFaults)('put if absent, $name → true, one object with our bytes', async ({ fault }) => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    const state = befall(proxy, 'PUT', { fault, count: 2 });
    expect(await store.putIfAbsent('t/slot', bytesOf('ours'))).toBe(true);
    expect(state.fired).toBeGreaterThan(0);
    expect(await store.putIfAbsent('t/slot', bytesOf('late'))).toBe(false);
    expect(Buffer.from((await store.get('t/slot'))!.bytes).toString()).toBe('ours');
  });

  it.each(unsureFaults)('swap, $name → the new tag, and the old one no longer holds', async ({ fault }) => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    await store.put('t/lease', bytesOf('before'));
    const etag = (await store.head('t/lease'))!.etag;
    const state = befall(proxy, 'PUT', { fault, count: 2 });
    const swapped = await store.compareAndSwap('t/lease', bytesOf('after'), etag);
    expect(state.fired).toBeGreaterThan(0);
    expect(await store.get('t/lease')).toEqual({ bytes: new Uint8Array(bytesOf('after')), etag: swapped });
    expect(await store.compareAndSwap('t/lease', bytesOf('never'), etag)).toBeNull();
  });

  it('put if absent, the answer lost after a rival with the same bytes won → false', async () => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    await store.putIfAbsent('t/slot', bytesOf('same'));
    const state = befall(proxy, 'PUT', { fault: 'execute-and-reset', count: 1 });
    expect(await store.putIfAbsent('t/slot', bytesOf('same'))).toBe(false);
    expect(state.fired).toBe(1);
  });

  it('look between two tries: a lost answer → HEAD comes before any second PUT', async () => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    befall(proxy, 'PUT', { fault: 'reset', count: 1 });
    await store.putIfAbsent('t/slot', bytesOf('ours'));
    expect(proxy.requests.map((line) => line.split(' ')[0])).toEqual(['PUT', 'HEAD', 'PUT']);
  });

  it('put if absent that is never answered → Storage.Unavailable after a bounded number of tries', async () => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    befall(proxy, 'PUT', { fault: 'reset', count: Infinity });
    await expect(store.putIfAbsent('t/slot', bytesOf('x'))).rejects.toEqual(
      failure('Storage.Unavailable', /ECONNRESET/),
    );
    expect(proxy.requests.filter((line) => line.startsWith('PUT'))).toHaveLength(6);
  });
});

describe('S3 store: what the server or the network does wrong', () => {
  it.each(['PUT', 'GET', 'DELETE', 'HEAD'])('%s answered 503 twice → done all the same', async (method) => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    await store.put('t/k', bytesOf('v'));
    const state = befall(proxy, method, { fault: { status: 503 }, count: 2 });
    await store.put('t/k', bytesOf('w'));
    expect((await store.head('t/k'))?.sizeBytes).toBe(1);
    expect(Buffer.from((await store.get('t/k'))!.bytes).toString()).toBe('w');
    await store.delete('t/k');
    expect(state.fired).toBe(2);
  });

  it('a server that never answers → Storage.Unavailable after the time limit', async () => {
    const proxy = await createProxy();
    const options = { ...optionsAt(proxy.endpoint), timeouts: { connectMs: 200, idleMs: 100 } };
    proxy.fault = () => 'hang';
    const store = createS3Store(options);
    await expect(store.get('t/k')).rejects.toEqual(failure('Storage.Unavailable', /ETIMEDOUT/));
    await expect(store.putIfAbsent('t/k', bytesOf('x'))).rejects.toEqual(failure('Storage.Unavailable', /ETIMEDOUT/));
  });

  it('a bit flipped on the way back → Storage.Corrupt from get and from getStream', async () => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    await store.put('t/k', randomBytes(50_000));
    befall(proxy, 'GET', { fault: 'flip', count: 2 });
    await expect(store.get('t/k')).rejects.toEqual(failure('Storage.Corrupt', /t\/k/));
    const drain = async (): Promise<void> => {
      for await (const chunk of (await store.getStream('t/k'))!) expect(chunk.byteLength).toBeGreaterThan(0);
    };
    await expect(drain()).rejects.toEqual(failure('Storage.Corrupt', /t\/k/));
    expect((await store.get('t/k'))?.bytes.byteLength).toBe(50_000);
  });

  it('507, or a quota → Storage.Full', async () => {
    const proxy = await createProxy();
    const store = createS3Store(optionsAt(proxy.endpoint));
    const quota = '<?xml version="1.0"?><Error><Code>QuotaExceeded</Code><Message>full</Message></Error>';
    for (const fault of [{ status: 507 }, { status: 403, body: quota }]) {
      proxy.fault = () => fault;
      await expect(store.put('t/k', bytesOf('x'))).rejects.toEqual(failure('Storage.Full', /Free space/));
      await expect(store.putIfAbsent('t/k', bytesOf('x'))).rejects.toEqual(failure('Storage.Full', /Free space/));
    }
  });

  it('wrong key, wrong bucket → Storage.Unavailable with the mend and without the secret', async () => {
    const options = optionsAt(server.endpoint);
    const wrongKey = createS3Store({
      ...options,
      credentials: { accessKeyId: server.accessKey, secretAccessKey: 'wrong-secret' },
    });
    const wrongBucket = createS3Store({ ...options, bucket: 'not-there' });
    for (const call of ['get', 'head'] as const) {
      await expect(wrongKey[call]('t/k')).rejects.toEqual(failure('Storage.Unavailable', /403.*s3:GetObject/));
      await expect(wrongKey[call]('t/k')).rejects.not.toThrow(/wrong-secret/);
      await expect(wrongBucket[call]('t/k')).rejects.toEqual(failure('Storage.Unavailable', /not-there/));
    }
    const put = wrongBucket.putIfAbsent('t/k', bytesOf('x'));
    await expect(put).rejects.toEqual(failure('Storage.Unavailable', /NoSuchBucket 404.*Create the bucket/));
  });

  it('a multipart upload whose part fails for good → Storage.Unavailable, aborted, no parts and no object left', async () => {
    const proxy = await createProxy();
    const options = optionsAt(proxy.endpoint);
    const store = createS3Store(options);
    proxy.fault = (method, path) => (method === 'PUT' && path.includes('partNumber=2') ? { status: 500 } : undefined);
    await expect(store.putStream('t/big', megabytes(20))).rejects.toEqual(failure('Storage.Unavailable', /t\/big/));
    proxy.fault = () => undefined;
    expect(await store.list('')).toEqual([]);
    const { prefix, bucket, ...config } = options;
    const client = new S3Client({ ...config, credentials: config.credentials! });
    const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix! }));
    client.destroy();
    expect(uploads.Uploads ?? []).toEqual([]);
    expect(proxy.requests.some((line) => line.includes('partNumber=2'))).toBe(true);
  });
});

describe('S3 store options', () => {
  it('two prefixes in one bucket → two stores that do not see each other', async () => {
    const options = optionsAt(server.endpoint);
    const [one, other] = [createS3Store(options), createS3Store({ ...options, prefix: `${options.prefix}x` })];
    await one.put('t/k', bytesOf('one'));
    expect(await other.get('t/k')).toBeNull();
    expect(await other.putIfAbsent('t/k', bytesOf('other'))).toBe(true);
    expect([await one.list(''), await other.list('')]).toEqual([['t/k'], ['t/k']]);
  });

  it.each(['', '/a', 'a/', 'a/../b', 'a b', 'x'.repeat(201)])('prefix %j → Config.Invalid', (prefix) => {
    const create = (): unknown => createS3Store({ ...optionsAt('http://127.0.0.1:1'), prefix });
    expect(create).toThrow(/prefix of the S3 store/);
  });
});

async function* megabytes(count: number): AsyncGenerator<Uint8Array> {
  for (let turn = 0; turn < count; turn += 1) yield randomBytes(1_000_000);
}

import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { AppError } from '../../../domain/errors.ts';
import type { ObjectStore } from '../ports.ts';
import { assertObjectKey, isSegment, assertObjectPrefix } from './object-key.ts';
import { writeConditionally } from './s3-conditional-write.ts';
import { isAbsent, type S3Doing, toS3Error } from './s3-errors.ts';
import { uploadChunks } from './s3-multipart.ts';

/** Where and how to reach a bucket. */
export interface S3StoreOptions {
  readonly bucket: string;
  readonly region: string;
  /** Absent: AWS itself. */
  readonly endpoint?: string;
  /** Absent: the SDK's own chain (environment, profile, role). */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** `true` for most servers that are not AWS. Default `false`. */
  readonly forcePathStyle?: boolean;
  /** A safe key without a slash at its end, put before every key. Absent: none. At most 200 characters. */
  readonly prefix?: string;
  /** Limits in milliseconds; the defaults are 3 s to connect, 60 s for an answer to begin and between two chunks. */
  readonly timeouts?: { readonly connectMs: number; readonly idleMs: number };
}

const maxTries = 4;
const pageKeys = 1_000;
const maxPrefixLength = 200;

interface Bucket {
  readonly client: S3Client;
  /** One try a call: for conditional writes, whose unknown results are looked at before the next try. */
  readonly single: S3Client;
  readonly bucket: string;
  readonly prefix: string;
}

/**
 * An {@link ObjectStore} in an S3 bucket: reads and plain writes are repeated by the SDK, at most 4 tries with jitter.
 *
 * *Contract:* needs a server with conditional writes (`If-None-Match`, `If-Match`), which a process checks at its start with
 * `assertConditionalWrites`. Bytes carry a SHA-256 to the server, which refuses others, and are checked again when they are read:
 * `Storage.Corrupt`. Writing equal bytes again may keep the tag, as S3's tags name the bytes.
 */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  assertPrefixOption(options.prefix);
  const config = toClientConfig(options);
  const prefix = options.prefix === undefined ? '' : `${options.prefix}/`;
  const single = new S3Client({ ...config, maxAttempts: 1 });
  const parts = { client: new S3Client(config), single, bucket: options.bucket, prefix };
  return { ...createReaders(parts), ...createWriters(parts), ...createStreams(parts) };
}

function assertPrefixOption(prefix: string | undefined): void {
  if (prefix === undefined || (prefix.length <= maxPrefixLength && prefix.split('/').every(isSegment))) return;
  throw new AppError('Config.Invalid', {
    what: 'the prefix of the S3 store is not a safe key',
    mend: `Use segments of A-Z, a-z, 0-9, ".", "_" and "-" joined by "/", without a slash at either end, at most ${maxPrefixLength} characters.`,
    field: 'prefix',
  });
}

function toClientConfig(options: S3StoreOptions): S3ClientConfig {
  const { connectMs, idleMs } = options.timeouts ?? { connectMs: 3_000, idleMs: 60_000 };
  const agent = { keepAlive: true, maxSockets: 128 };
  return {
    region: options.region,
    forcePathStyle: options.forcePathStyle ?? false,
    maxAttempts: maxTries,
    requestHandler: {
      connectionTimeout: connectMs,
      requestTimeout: idleMs,
      socketTimeout: idleMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  };
}

function createReaders(parts: Bucket): Pick<ObjectStore, 'get' | 'head' | 'list'> {
  return {
    get: (key) =>
      attempt(parts, { verb: 'read', key }, async () => {
        const found = await getObject(parts, key);
        if (found === null) return null;
        return { bytes: await found.body.transformToByteArray(), etag: found.etag };
      }),
    head: (key) =>
      attempt(parts, { verb: 'read', key }, async () => {
        try {
          const found = await parts.client.send(new HeadObjectCommand(at(parts, key)));
          return { sizeBytes: found.ContentLength ?? 0, etag: found.ETag ?? '' };
        } catch (error) {
          if (!isAbsent(error)) throw error;
          // An answer to HEAD has no body, so a missing bucket looks like a missing key.
          await parts.client.send(new HeadBucketCommand({ Bucket: parts.bucket }));
          return null;
        }
      }),
    list: (prefix, options = {}) =>
      attempt(parts, { verb: 'list', key: prefix }, () => listKeys(parts, { prefix, ...options })),
  };
}

function createWriters(parts: Bucket): Pick<ObjectStore, 'put' | 'putIfAbsent' | 'compareAndSwap' | 'delete'> {
  return {
    put: (key, bytes) =>
      attempt(parts, { verb: 'write', key }, async () => {
        await parts.client.send(new PutObjectCommand({ ...at(parts, key), Body: bytes, ChecksumAlgorithm: 'SHA256' }));
      }),
    putIfAbsent: (key, bytes) =>
      attempt(parts, { verb: 'write', key }, async () => {
        const write = { bucket: parts.bucket, key: parts.prefix + key, bytes };
        return (await writeConditionally(parts, write)) !== null;
      }),
    compareAndSwap: (key, bytes, etag) =>
      attempt(parts, { verb: 'write', key }, () =>
        writeConditionally(parts, { bucket: parts.bucket, key: parts.prefix + key, bytes, ifMatch: etag }),
      ),
    delete: (key) =>
      attempt(parts, { verb: 'delete', key }, async () => {
        try {
          await parts.client.send(new DeleteObjectCommand(at(parts, key)));
        } catch (error) {
          // AWS answers 204 for an absent key; other servers need not.
          if (!isAbsent(error)) throw error;
        }
      }),
  };
}

function createStreams(parts: Bucket): Pick<ObjectStore, 'putStream' | 'getStream'> {
  const { client, bucket, prefix } = parts;
  return {
    putStream: async (key, chunks) => {
      let failure: { readonly error: unknown } | undefined;
      // Keeps the failure of the caller's chunks apart from the network's: it goes back as it came.
      async function* watched(): AsyncGenerator<Uint8Array> {
        try {
          yield* chunks;
        } catch (error) {
          failure = { error };
          throw error;
        }
      }
      await attempt(parts, { verb: 'write', key }, async () => {
        try {
          await uploadChunks({ client, bucket, key: prefix + key }, watched());
        } catch (error) {
          if (failure === undefined) throw error;
        }
      });
      if (failure !== undefined) throw failure.error;
    },
    getStream: (key) =>
      attempt(parts, { verb: 'read', key }, async () => {
        const found = await getObject(parts, key);
        return found === null ? null : readBody(found.body, { verb: 'read', key, bucket });
      }),
  };
}

type Body = NonNullable<GetObjectCommandOutput['Body']>;

async function getObject(parts: Bucket, key: string): Promise<{ readonly body: Body; readonly etag: string } | null> {
  try {
    const found = await parts.client.send(new GetObjectCommand({ ...at(parts, key), ChecksumMode: 'ENABLED' }));
    return found.Body === undefined ? null : { body: found.Body, etag: found.ETag ?? '' };
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

async function* readBody(body: Body, doing: S3Doing): AsyncGenerator<Uint8Array> {
  try {
    // The SDK's type is the union over all its platforms; on Node it is a stream of buffers.
    if (!(body instanceof Readable)) throw new TypeError('the S3 client answered with a body that is no Node stream');
    yield* body;
  } catch (error) {
    throw toS3Error(error, doing);
  }
}

interface Listing {
  readonly prefix: string;
  readonly after?: string;
  readonly limit?: number;
}

async function listKeys(parts: Bucket, { prefix, after, limit = Infinity }: Listing): Promise<string[]> {
  const keys: string[] = [];
  let start = after === undefined ? undefined : parts.prefix + after;
  while (keys.length < limit) {
    const command = new ListObjectsV2Command({
      Bucket: parts.bucket,
      Prefix: parts.prefix + prefix,
      MaxKeys: Math.min(pageKeys, limit - keys.length),
      ...(start === undefined ? {} : { StartAfter: start }),
    });
    const page = await parts.client.send(command);
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key.slice(parts.prefix.length));
    // The last key, not the server's token: it means the same and is one thing less to trust.
    start = page.Contents?.at(-1)?.Key;
    if (page.IsTruncated !== true || start === undefined) break;
  }
  return keys;
}

function at(parts: Bucket, key: string): { readonly Bucket: string; readonly Key: string } {
  return { Bucket: parts.bucket, Key: parts.prefix + key };
}

/** Checks the key before any I/O, and maps what the SDK throws. */
async function attempt<T>(parts: Bucket, doing: Omit<S3Doing, 'bucket'>, work: () => Promise<T>): Promise<T> {
  if (doing.verb === 'list') assertObjectPrefix(doing.key);
  else assertObjectKey(doing.key);
  try {
    return await work();
  } catch (error) {
    throw toS3Error(error, { ...doing, bucket: parts.bucket });
  }
}

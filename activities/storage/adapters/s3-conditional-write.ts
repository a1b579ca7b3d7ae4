import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { isAbsent, isUnknownResult, toStatus } from './s3-errors.ts';

/** One conditional write: at most one of `ifNoneMatch: '*'` and `ifMatch: etag`. */
export interface ConditionalWrite {
  readonly bucket: string;
  readonly key: string;
  readonly bytes: Uint8Array;
  /** Absent: the key must be absent. Else the tag that the object must still have. */
  readonly ifMatch?: string;
}

/** The two clients: `single` makes one try a call, so that no write is repeated without a look in between. */
export interface ConditionalClients {
  readonly client: S3Client;
  readonly single: S3Client;
}

const tries = 6;
const writerField = 'longhaul-writer';

/**
 * Writes under a condition: the new tag, or null when the condition did not hold.
 *
 * When no answer came (reset, timeout, 5xx) the write may have taken place, or may still do so. Every write therefore carries a name of
 * its own in the object's metadata: after an unknown result the object is looked at first, and the name tells whether this very call
 * wrote it. Two racers with the same bytes are told apart too, so never more than one of them is told that it won. If another write has
 * replaced ours meanwhile the answer is null, though we had won: the caller reads what is there, as every loser does. A repeated
 * request carries the same condition, so a late first one makes it fail, and the look that follows finds our name.
 */
export async function writeConditionally(
  { client, single }: ConditionalClients,
  write: ConditionalWrite,
): Promise<string | null> {
  const writer = randomUUID();
  let unknown = false;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const written = await single.send(toCommand(write, writer));
      return toTag(written.ETag);
    } catch (error) {
      const result = classify(error, write);
      if (result === 'failed') throw error;
      if (result === 'refused' && !unknown) return null;
      unknown ||= result === 'unknown';
      const found = await look(client, write);
      if (found.writer === writer) return toTag(found.etag);
      if (result === 'refused' || found.etag !== write.ifMatch) return null;
      if (attempt === tries) throw error;
      await delay(Math.random() * 25 * 2 ** attempt);
    }
  }
}

/** `conflict` (409): another write of the key is under way and S3 did nothing. `unknown`: it may have done what was asked. */
function classify(error: unknown, write: ConditionalWrite): 'refused' | 'conflict' | 'unknown' | 'failed' {
  const status = toStatus(error);
  if (status === 412 || (write.ifMatch !== undefined && isAbsent(error))) return 'refused';
  if (status === 409) return 'conflict';
  return isUnknownResult(error) ? 'unknown' : 'failed';
}

function toCommand(write: ConditionalWrite, writer: string): PutObjectCommand {
  return new PutObjectCommand({
    Bucket: write.bucket,
    Key: write.key,
    Body: write.bytes,
    ChecksumAlgorithm: 'SHA256',
    Metadata: { [writerField]: writer },
    ...(write.ifMatch === undefined ? { IfNoneMatch: '*' } : { IfMatch: write.ifMatch }),
  });
}

/** Tag and writer of what is at the key now; both undefined when nothing is, as `ifMatch` is for put-if-absent. */
async function look(client: S3Client, { bucket, key }: ConditionalWrite): Promise<Found> {
  try {
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return { etag: toTag(head.ETag), writer: head.Metadata?.[writerField] };
  } catch (error) {
    if (isAbsent(error)) return { etag: undefined, writer: undefined };
    throw error;
  }
}

interface Found {
  readonly etag: string | undefined;
  readonly writer: string | undefined;
}

function toTag(etag: string | undefined): string {
  if (etag === undefined) throw new Error('the S3 server answered without an ETag');
  return etag;
}

import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** Where a stream of chunks goes. */
export interface UploadTarget {
  readonly client: S3Client;
  readonly bucket: string;
  readonly key: string;
}

/** Parts of 8 MiB: 80 GB in the 10,000 parts that S3 allows, and two in memory at most. */
const partBytes = 8 * 1024 * 1024;

/** Uploads chunks as one object: one put when they fit in a part, else a multipart upload that is aborted on any failure. */
export async function uploadChunks(target: UploadTarget, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const parts = inParts(chunks);
  const first = await parts.next();
  const second = first.done === true ? first : await parts.next();
  if (second.done === true) {
    const body = first.done === true ? new Uint8Array() : first.value;
    const { client, bucket, key } = target;
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ChecksumAlgorithm: 'SHA256' }));
    return;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    if (first.done !== true) yield first.value;
    if (second.done !== true) yield second.value;
    yield* parts;
  }
  await uploadParts(target, all());
}

async function uploadParts({ client, bucket, key }: UploadTarget, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const object = { Bucket: bucket, Key: key };
  const created = await client.send(new CreateMultipartUploadCommand({ ...object, ChecksumAlgorithm: 'SHA256' }));
  const upload = { ...object, UploadId: created.UploadId };
  try {
    const completed: CompletedPart[] = [];
    for await (const body of parts) {
      const PartNumber = completed.length + 1;
      const part = await client.send(
        new UploadPartCommand({ ...upload, PartNumber, Body: body, ChecksumAlgorithm: 'SHA256' }),
      );
      completed.push({ PartNumber, ETag: part.ETag, ChecksumSHA256: part.ChecksumSHA256 });
    }
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: completed } }));
  } catch (error) {
    // A lost abort leaves parts that cost money but are no object; a lifecycle rule of the bucket takes them.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

/** Joins and cuts chunks into parts of exactly {@link partBytes}, the last one shorter. */
async function* inParts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let part = Buffer.allocUnsafe(partBytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let taken = 0; taken < chunk.byteLength;) {
      const piece = chunk.subarray(taken, taken + partBytes - filled);
      part.set(piece, filled);
      filled += piece.byteLength;
      taken += piece.byteLength;
      if (filled < partBytes) continue;
      yield part;
      part = Buffer.allocUnsafe(partBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

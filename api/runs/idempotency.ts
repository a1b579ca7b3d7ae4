import { z } from 'zod';
import { compress, decompress, parseStored } from '../../activities/storage/encoding.ts';
import { keys } from '../../activities/storage/keys.ts';
import type { ObjectStore } from '../../activities/storage/ports.ts';
import { digestFields } from '../../domain/digest.ts';
import { AppError } from '../../domain/errors.ts';
import { digestSchema, runIdSchema } from '../../domain/ids.ts';

const keyRecordSchema = z.strictObject({
  bodyDigest: digestSchema,
  runId: runIdSchema,
  createdAt: z.iso.datetime(),
});

/** What a key stands for: the body it came with first, and the run that its winner chose. */
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** A client's key with all that makes its scope. */
export interface KeyScope {
  readonly tenant: string;
  readonly method: string;
  readonly path: string;
  readonly key: string;
}

/** The header's key; null when there is none. @throws AppError `Input.Invalid` */
export function readIdempotencyKey(header: string | undefined): string | null {
  if (header === undefined) return null;
  if (/^[\u0021-\u007E]{1,255}$/u.test(header)) return header;
  throw new AppError('Input.Invalid', {
    field: 'idempotency-key',
    what: 'idempotency-key: a key has 1 to 255 visible ASCII characters, without spaces',
    mend: 'Use a UUID.',
  });
}

/** Name of a key's record. */
export function toKeyDigest({ method, path, key }: KeyScope): string {
  return digestFields([method, path, key]);
}

/** The record of a key, or null. */
export async function readKeyRecord(objects: ObjectStore, scope: KeyScope): Promise<KeyRecord | null> {
  const name = keys.idempotency(scope.tenant, toKeyDigest(scope));
  const stored = await objects.get(name);
  return stored === null ? null : parseStored(decompress(stored.bytes, name).toString('utf8'), name, keyRecordSchema);
}

/** Puts a key's record if absent; the one that stands there decides. */
export async function claimKey(
  objects: ObjectStore,
  scope: KeyScope,
  record: KeyRecord,
): Promise<{ readonly won: boolean; readonly record: KeyRecord }> {
  const name = keys.idempotency(scope.tenant, toKeyDigest(scope));
  if (await objects.putIfAbsent(name, compress(JSON.stringify(record)))) return { won: true, record };
  const standing = await readKeyRecord(objects, scope);
  if (standing === null) throw new AppError('Storage.Unavailable', { what: 'a key is taken but cannot be read' });
  return { won: false, record: standing };
}

/** @throws AppError `Input.IdempotencyMismatch` when the key came with another body before */
export function requireSameBody(record: KeyRecord, bodyDigest: string): void {
  if (record.bodyDigest === bodyDigest) return;
  throw new AppError('Input.IdempotencyMismatch', {
    field: 'idempotency-key',
    what: 'this Idempotency-Key was used before with another body',
    mend: 'Use a new key for a new request; send the same body to repeat one.',
  });
}

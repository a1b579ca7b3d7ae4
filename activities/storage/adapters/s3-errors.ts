import { S3ServiceException } from '@aws-sdk/client-s3';
import { AppError } from '../../../domain/errors.ts';

/** What the store was doing when S3 failed. */
export interface S3Doing {
  readonly verb: 'read' | 'write' | 'delete' | 'list';
  readonly key: string;
  readonly bucket: string;
}

const absentNames = new Set(['NoSuchKey', 'NotFound']);
const fullNames = new Set(['QuotaExceeded', 'InsufficientStorage', 'StorageFull', 'XMinioStorageFull']);

/** HTTP status of the answer; undefined when none came. Also known when the answer's body could not be read as S3's. */
export function toStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Does the answer say that the key (not the bucket) is absent? */
export function isAbsent(error: unknown): boolean {
  return error instanceof S3ServiceException && absentNames.has(error.name);
}

/** Is it unknown whether a write took place: no answer, or one that does not say? */
export function isUnknownResult(error: unknown): boolean {
  if (error instanceof AppError) return false;
  const status = toStatus(error);
  return status === undefined || (status >= 500 && status !== 501 && status !== 507) || status === 408;
}

/** Maps what the SDK throws to the store's failure types. */
export function toS3Error(error: unknown, doing: S3Doing): unknown {
  if (error instanceof AppError) return error;
  if (!(error instanceof Error)) return error;
  const name = toCauseName(error);
  const status = toStatus(error);
  const what = `cannot ${doing.verb} ${doing.key} in bucket ${doing.bucket} (${name}${status === undefined ? '' : ` ${status}`})`;
  if (status === 507 || fullNames.has(error.name)) {
    const mend = 'Free space or raise the quota of the bucket; nothing was half written.';
    return new AppError('Storage.Full', { what, mend, cause: error });
  }
  if (/^Checksum mismatch/i.test(error.message)) {
    const mend = 'The bytes do not match the checksum that S3 holds for them: restore the object from a copy.';
    return new AppError('Storage.Corrupt', { what, mend, cause: error });
  }
  return new AppError('Storage.Unavailable', { what, mend: toMend(error, status), cause: error });
}

function toMend(error: Error, status: number | undefined): string {
  if (error.name === 'NoSuchBucket') return 'Create the bucket, or correct its name and region.';
  if (error.name === 'CredentialsProviderError') return 'Give S3 credentials by environment, profile or role.';
  if (error.name === 'RequestTimeTooSkewed')
    return "Set this host's clock: S3 refuses requests that are 15 minutes off.";
  if (status === 301 || status === 307) return "Set the bucket's own region.";
  if (status === 401 || status === 403) {
    return 'The credentials need s3:GetObject, PutObject, DeleteObject, ListBucket and AbortMultipartUpload on the bucket.';
  }
  if (status !== undefined && status >= 400 && status < 500)
    return 'Check that the endpoint is an S3 server and its settings.';
  return 'Check the endpoint and the network; the work is tried again by itself.';
}

/** `ECONNREFUSED` says more than the `Error` or `AggregateError` that carries it. */
function toCauseName(error: Error): string {
  if (error instanceof S3ServiceException) return error.name;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

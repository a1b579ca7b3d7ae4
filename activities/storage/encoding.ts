import { createHash } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { AppError } from '../../domain/errors.ts';

/** Largest object that is opened; nothing of ours is near it. */
const maxPlainBytes = 512 * 1024 * 1024;

/** SHA-256 of bytes, or of a text's UTF-8, lower-case hex. */
export function digestBytes(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Compresses with zstd and its checksum, so that a damaged object does not open. */
export function compress(plain: Uint8Array | string): Uint8Array {
  const bytes = typeof plain === 'string' ? Buffer.from(plain, 'utf8') : plain;
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });
}

/**
 * Opens what {@link compress} made.
 *
 * @throws AppError `Storage.Corrupt`, naming `key`, when it does not open
 */
export function decompress(bytes: Uint8Array, key: string): Buffer {
  try {
    return zstdDecompressSync(bytes, { maxOutputLength: maxPlainBytes });
  } catch (cause) {
    throw new AppError('Storage.Corrupt', { what: `object ${key} does not decompress`, cause });
  }
}

/** Parses JSON from the store. @throws AppError `Storage.Corrupt`, naming `key` */
export function parseStored<T>(text: string, key: string, schema: { parse: (value: unknown) => T }): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('Storage.Corrupt', { what: `object ${key} is not of its schema`, cause });
  }
}

import { pipeline, Readable, type Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

import { AppError } from '../../../domain/errors.ts';

/** The content codings that are offered to servers. */
export const acceptEncoding = 'gzip, br, zstd';

const mebibyte = 1024 * 1024;
const maxCodings = 2;
/** A page that is larger than one MiB and was packed more tightly than this is a bomb, not a page. */
const maxRatio = 100;
/** RFC 9659: a zstd window on the web is at most 8 MiB. */
const zstdWindowLog = 23;

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ finishFlush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } }),
};

/** A response body and how it was packed. */
export interface PackedBody {
  readonly stream: Readable;
  readonly contentEncoding: string;
  readonly maxBytes: number;
}

/**
 * Unpacks a body into memory. The limit is on what comes out, counted as it comes, so that a bomb costs no more than a page.
 *
 * @throws AppError `Tool.Failed` when it is too large, packed in an unknown way, or damaged; what `stream` fails with otherwise.
 */
export async function readPackedBody(body: PackedBody): Promise<Uint8Array> {
  const codings = body.contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  const transforms = toTransforms(codings);
  const received = { bytes: 0 };
  let decoded = 0;
  const chunks: Uint8Array[] = [];
  const source = joined(Readable.from(counted(body.stream, received), { objectMode: false }), transforms);
  try {
    for await (const bytes of toBytes(source)) {
      decoded += bytes.byteLength;
      if (decoded > body.maxBytes) throw tooLarge(`larger than ${body.maxBytes} bytes once unpacked`);
      if (decoded > mebibyte && decoded > received.bytes * maxRatio)
        throw tooLarge(`packed more than ${maxRatio} times, as no page is`);
      chunks.push(bytes);
    }
  } catch (error) {
    throw toBodyError(error);
  } finally {
    body.stream.destroy();
  }
  return Buffer.concat(chunks);
}

function toTransforms(codings: readonly string[]): Transform[] {
  if (codings.length > maxCodings)
    throw tooLarge(`packed ${codings.length} times over; at most ${maxCodings} codings are undone`);
  return codings.toReversed().map((name) => {
    const create = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
    if (create !== undefined) return create();
    throw new AppError('Tool.Failed', {
      field: 'url',
      what: `the page is packed as ${JSON.stringify(name.slice(0, 40))}, which is not known`,
    });
  });
}

/** A byte stream without an encoding yields buffers; the types of streams cannot say so. */
function toBytes(stream: Readable): AsyncIterable<Uint8Array> {
  return stream;
}

async function* counted(stream: Readable, received: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const bytes of toBytes(stream)) {
    received.bytes += bytes.byteLength;
    yield bytes;
  }
}

/** The last of the chain; an error anywhere ends all of it, and is met by whoever reads the last. */
function joined(source: Readable, transforms: readonly Transform[]): Readable {
  const last = transforms.at(-1);
  if (last === undefined) return source;
  pipeline([source, ...transforms], () => {});
  return last;
}

function tooLarge(what: string): AppError {
  return new AppError('Tool.Failed', { field: 'url', what: `the page is ${what}`, mend: 'Try another source.' });
}

/** Errors of the unpackers say `Z_…`, `ERR_…BROTLI…` or `ZSTD_…`: the page is damaged, and would be again. */
function toBodyError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!/^Z_|BROTLI|^ZSTD|^ERR__ERROR/.test(code)) return error;
  return new AppError('Tool.Failed', {
    field: 'url',
    what: `the page could not be unpacked (${code})`,
    mend: 'Try another source.',
  });
}

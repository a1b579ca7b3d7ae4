import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../../domain/errors.ts';
import { digestSchema } from '../../../domain/ids.ts';
import type { Attachment } from '../ports.ts';
import { readTreeFile } from './tree-file.ts';
import { maxBlobBytes, type Piece, type TreeStore } from './tree-store.ts';
import { toByteText } from './tree.ts';

/** A file of any size in the store: a tree of this one file, under its name. */
export const storedFileSchema = z.strictObject({
  treeDigest: digestSchema,
  name: z.string().min(1).max(255),
  sizeBytes: z.int().min(0),
});
export type StoredFile = z.infer<typeof storedFileSchema>;

/**
 * Puts a file into the store as its bytes come; memory stays bounded.
 *
 * @throws AppError `Input.TooLarge` as soon as there are more bytes than allowed, `Input.Invalid` for a name that is a path
 */
export async function storeFile(
  trees: TreeStore,
  tenant: string,
  file: { readonly name: string; readonly chunks: AsyncIterable<Uint8Array>; readonly maxBytes: number },
): Promise<StoredFile> {
  const { name } = file;
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || Buffer.byteLength(name) > 255) {
    throw new AppError('Input.Invalid', { what: 'a file name must be 1 to 255 bytes without a slash', field: 'name' });
  }
  const hash = createHash('sha256');
  const pieces: Piece[] = [];
  let sizeBytes = 0;
  for await (const part of inBlobs(file.chunks)) {
    sizeBytes += part.length;
    if (sizeBytes > file.maxBytes) {
      throw new AppError('Input.TooLarge', { what: `${name} has more than ${file.maxBytes} bytes` });
    }
    hash.update(part);
    pieces.push({ blob: await trees.putBlob(tenant, part), offset: 0, length: part.length });
  }
  const digest = hash.digest('hex');
  const treeDigest = await trees.put(tenant, {
    entries: [{ kind: 'file', path: toByteText(name), mode: 0o644, sizeBytes, digest }],
    contents: new Map([[digest, pieces]]),
    modifiedMs: new Map(),
  });
  return { treeDigest, name, sizeBytes };
}

/** Gathers chunks of any size into blobs. */
async function* inBlobs(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    for (let rest = chunk; rest.length > 0;) {
      const taken = rest.subarray(0, maxBlobBytes - bytes);
      held.push(taken);
      bytes += taken.length;
      rest = rest.subarray(taken.length);
      if (bytes < maxBlobBytes) continue;
      yield Buffer.concat(held);
      [held, bytes] = [[], 0];
    }
  }
  if (bytes > 0) yield Buffer.concat(held);
}

/** A stored file for a job to read. @throws AppError `Storage.Missing` or `Storage.Corrupt` */
export function toAttachment(trees: TreeStore, tenant: string, file: StoredFile): Attachment {
  return {
    sizeBytes: file.sizeBytes,
    open: async () => {
      const tree = await trees.get(tenant, file.treeDigest, { entries: 1, bytes: file.sizeBytes });
      const [entry] = tree.entries;
      if (entry?.kind !== 'file') throw new AppError('Storage.Corrupt', { what: `tree ${file.treeDigest} is no file` });
      return readTreeFile(trees, { tenant, tree, file: entry });
    },
  };
}

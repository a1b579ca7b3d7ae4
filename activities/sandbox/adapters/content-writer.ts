import pLimit from 'p-limit';
import { digestBytes } from '../../storage/encoding.ts';
import { type Contents, maxBlobBytes, type Piece, type TreeStore } from '../tree/tree-store.ts';

/** Up to this size a file shares a blob with others; above, it has blobs of its own. */
export const maxPackedBytes = 1024 * 1024;

/** Blobs on their way at once: bounds memory, and hides the store's latency. */
const putsAtOnce = 4;

/** Brings contents into the store that are not there yet. */
export interface ContentWriter {
  /** A whole content of at most {@link maxPackedBytes}. */
  readonly add: (digest: string, bytes: Buffer) => Promise<void>;
  /** The next part of a larger content, of {@link maxBlobBytes} but for the last one. */
  readonly addPart: (bytes: Buffer) => Promise<Piece>;
  /** Names a content that was brought in parts. */
  readonly name: (digest: string, pieces: readonly Piece[]) => void;
  readonly has: (digest: string) => boolean;
  /** Resolves when everything that was added can be read; with where all contents are. */
  readonly finish: () => Promise<Contents>;
}

interface Packed {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A writer that knows what an earlier tree has put already. */
export function createContentWriter(options: {
  readonly known: Contents;
  readonly putBlob: (bytes: Uint8Array) => ReturnType<TreeStore['putBlob']>;
}): ContentWriter {
  const contents = new Map(options.known);
  const blobs = new Set([...options.known.values()].flat().map((piece) => piece.blob));
  const limit = pLimit(putsAtOnce);
  const puts: Promise<unknown>[] = [];
  let pack: Packed[] = [];
  let packBytes = 0;

  const put = async (bytes: Buffer): Promise<string> => {
    const digest = digestBytes(bytes);
    if (blobs.has(digest)) return digest;
    blobs.add(digest);
    const done = limit(() => options.putBlob(bytes));
    // Its failure is the one that `finish` throws, however late that comes.
    done.catch(() => undefined);
    puts.push(done);
    while (limit.pendingCount > 0) await puts.shift();
    return digest;
  };
  const flush = async (): Promise<void> => {
    if (pack.length === 0) return;
    const members = pack;
    [pack, packBytes] = [[], 0];
    const blob = await put(Buffer.concat(members.map((member) => member.bytes)));
    let offset = 0;
    for (const { digest, bytes } of members) {
      contents.set(digest, [{ blob, offset, length: bytes.length }]);
      offset += bytes.length;
    }
  };
  return {
    has: (digest) => contents.has(digest),
    add: async (digest, bytes) => {
      // Known from now on; where it is follows with its pack.
      contents.set(digest, []);
      if (bytes.length === 0) return;
      if (packBytes + bytes.length > maxBlobBytes) await flush();
      pack.push({ digest, bytes });
      packBytes += bytes.length;
    },
    addPart: async (bytes) => ({ blob: await put(bytes), offset: 0, length: bytes.length }),
    name: (digest, pieces) => contents.set(digest, pieces),
    finish: async () => {
      await flush();
      await Promise.all(puts);
      return contents;
    },
  };
}

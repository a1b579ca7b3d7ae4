/** One entry of a zip file, as its directory says. */
export interface ZipEntry {
  readonly name: string;
  readonly packedBytes: number;
  /** What the directory claims; nothing is unpacked beyond it. */
  readonly bytes: number;
}

/** More entries than this are not listed. */
const maxEntries = 10_000;
const maxCommentBytes = 65_535;
const endBytes = 22;

/**
 * Lists a zip file by its central directory; null when it has none that can be read. Unpacks nothing, never throws.
 *
 * *Source:* APPNOTE.TXT §4.3. ZIP64 is not followed: such files are larger than what is read here.
 */
export function listZip(bytes: Uint8Array): readonly ZipEntry[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEnd(view);
  if (end === -1) return null;
  const entries: ZipEntry[] = [];
  let at = view.getUint32(end + 16, true);
  const count = Math.min(view.getUint16(end + 10, true), maxEntries);
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > bytes.byteLength || view.getUint32(at, true) !== 0x02_01_4b_50)
      return entries.length > 0 ? entries : null;
    const nameBytes = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    entries.push({ name, packedBytes: view.getUint32(at + 20, true), bytes: view.getUint32(at + 24, true) });
    at += 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

function findEnd(view: DataView): number {
  const first = Math.max(0, view.byteLength - endBytes - maxCommentBytes);
  for (let at = view.byteLength - endBytes; at >= first; at -= 1)
    if (view.getUint32(at, true) === 0x06_05_4b_50) return at;
  return -1;
}

/** One line that says what an image is: its type, its size, how large it is on a screen where that is told in its head. Never throws. */
export function describeImage(bytes: Uint8Array, mediaType: string): string {
  const size = toSize(bytes, mediaType);
  const shown = size === null ? '' : `, ${size.width} × ${size.height} pixels`;
  return `An image of type ${mediaType}${shown}, ${bytes.byteLength} bytes; it holds no text that can be read.`;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function toSize(bytes: Uint8Array, mediaType: string): Size | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (mediaType === 'image/png' && bytes.byteLength >= 24)
    return { width: view.getUint32(16), height: view.getUint32(20) };
  if (mediaType === 'image/gif' && bytes.byteLength >= 10)
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
  return mediaType === 'image/jpeg' ? toJpegSize(view) : null;
}

/** *Source:* ITU T.81: segments follow each other, and the frame header has the size. */
function toJpegSize(view: DataView): Size | null {
  let at = 2;
  while (at + 9 < view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

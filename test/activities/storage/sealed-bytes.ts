import { hash, randomBytes } from 'node:crypto';

/** Random bytes behind their own digest, so that half of an object cannot pass for a whole one. */
export function sealed(sizeBytes: number): Uint8Array {
  const body = randomBytes(sizeBytes);
  return Buffer.concat([Buffer.from(hash('sha256', body, 'hex')), body]);
}

export function isWhole(bytes: Uint8Array): boolean {
  const seal = Buffer.from(bytes.subarray(0, 64)).toString();
  return bytes.byteLength > 64 && hash('sha256', bytes.subarray(64), 'hex') === seal;
}

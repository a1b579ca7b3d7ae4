import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrorWithCode } from './process-identity.ts';

/** Bytes that this user may still write where `path` is, or would be once it is made. */
export async function freeBytesAt(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    if (isErrorWithCode(error, 'ENOENT') && dirname(path) !== path) return freeBytesAt(dirname(path));
    throw error;
  }
}

/** `4.0 GB`. */
export function formatBytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

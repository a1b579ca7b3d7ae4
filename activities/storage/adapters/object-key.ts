import { AppError } from '../../../domain/errors.ts';

/** Longest key in characters. S3 allows 1,024 bytes for prefix and key together; the rest is left to the prefix. */
const maxKeyLength = 800;

/** Longest segment in characters: what a file name may have on the usual file systems. */
const maxSegmentLength = 255;

const segmentPattern = /^[A-Za-z0-9._-]+$/;
const partialPattern = /^[A-Za-z0-9._-]*$/;

/** Is `name` one segment of a safe key? */
export function isSegment(name: string): boolean {
  return segmentPattern.test(name) && name !== '.' && name !== '..' && name.length <= maxSegmentLength;
}

/**
 * Refuses a key that is not safe as a path and as an S3 key, before any I/O.
 *
 * @throws AppError `Storage.BadKey` with the rule that the key breaks; the key is shown escaped and cut short.
 */
export function assertObjectKey(key: string): void {
  if (key.length > maxKeyLength) throw badKey(key, `is longer than ${maxKeyLength} characters`);
  for (const segment of key.split('/')) {
    if (!isSegment(segment)) throw badKey(key, `has the unsafe segment ${show(segment)}`);
  }
}

/**
 * Refuses a list prefix that could never begin a safe key. The empty prefix means everything; the last segment may be cut short.
 *
 * @throws AppError `Storage.BadKey`.
 */
export function assertObjectPrefix(prefix: string): void {
  if (prefix.length > maxKeyLength) throw badKey(prefix, `is longer than ${maxKeyLength} characters`);
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  const unsafe = segments.find((segment) => !isSegment(segment));
  if (unsafe !== undefined) throw badKey(prefix, `has the unsafe segment ${show(unsafe)}`);
  if (!partialPattern.test(last)) throw badKey(prefix, `has the unsafe segment ${show(last)}`);
}

function badKey(key: string, what: string): AppError {
  return new AppError('Storage.BadKey', {
    what: `the object key ${show(key)} ${what}`,
    mend: 'A key is segments of A-Z, a-z, 0-9, ".", "_" and "-" joined by "/", none empty, "." or "..", each at most 255 characters.',
  });
}

/** JSON escapes control characters, so a hostile key cannot forge a log line. */
function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

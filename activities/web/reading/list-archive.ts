import { listZip } from './zip-directory.ts';

const maxListed = 1000;
const maxNameChars = 300;

/** Says what an archive is, and what a zip file says it holds. Nothing is unpacked. Never throws. */
export function listArchive(bytes: Uint8Array, mediaType: string): string {
  const head = `An archive of type ${mediaType}, ${bytes.byteLength} bytes; its files are not read.`;
  const entries = mediaType === 'application/zip' ? listZip(bytes) : null;
  if (entries === null || entries.length === 0) return head;
  const lines = entries.slice(0, maxListed).map(({ name, bytes: size }) => {
    // A name is written by whoever made the archive: it must not look like lines of ours.
    const shown = name.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, maxNameChars);
    return `- ${shown} (${size} bytes)`;
  });
  const more = entries.length > maxListed ? [`- and ${entries.length - maxListed} more`] : [];
  return [head, '', ...lines, ...more].join('\n');
}

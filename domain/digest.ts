import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';

/**
 * SHA-256 of a text's UTF-8 bytes, lower-case hex.
 *
 * Pure JavaScript, so that workflow code can use it; for contents (kilobytes and more) activities use the platform's own.
 */
export function digestText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** RFC 8785 canonical JSON: one text for one value, whatever the order of its keys. `undefined` members are left out. */
export function toCanonicalJson(value: unknown): string {
  return canonicalize(value) ?? 'null';
}

/** SHA-256 of {@link toCanonicalJson}. */
export function digestJson(value: unknown): string {
  return digestText(toCanonicalJson(value));
}

/** SHA-256 over length-prefixed fields, so that no two lists of fields give the same bytes. */
export function digestFields(fields: readonly string[]): string {
  return digestText(fields.map((field) => `${field.length}:${field}`).join(''));
}

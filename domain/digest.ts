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

/**
 * RFC 8785 canonical JSON: one text for one value, whatever the order of its keys. `undefined` members are left out.
 *
 * Half a surrogate pair, which RFC 8785 refuses and models do write, counts as U+FFFD, which UTF-8 makes of it anyway.
 */
export function toCanonicalJson(value: unknown): string {
  return canonicalize(toWellFormed(value)) ?? 'null';
}

function toWellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(toWellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toWellFormed(), toWellFormed(member)]));
}

/** SHA-256 of {@link toCanonicalJson}. */
export function digestJson(value: unknown): string {
  return digestText(toCanonicalJson(value));
}

/** SHA-256 over length-prefixed fields, so that no two lists of fields give the same bytes. */
export function digestFields(fields: readonly string[]): string {
  return digestText(fields.map((field) => `${field.length}:${field}`).join(''));
}

import { fileTypeFromBuffer } from 'file-type';

import { listZip } from './zip-directory.ts';

/** What a document is, by its content. */
export const documentKinds = ['html', 'pdf', 'office', 'text', 'json', 'archive', 'image', 'other'] as const;
export type DocumentKind = (typeof documentKinds)[number];

/** A kind, and the media type that was found or believed. */
export interface Classified {
  readonly kind: DocumentKind;
  readonly mediaType: string;
}

/** The type in a `Content-Type` header, lower case, without parameters. */
function toMediaType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

/** The `charset` parameter of a `Content-Type` header, when there is one. */
export function toCharset(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1];
}

/**
 * Decides what a body is: by its opening bytes, then, for text, by what it looks like and its declared type. Content wins over a wrong
 * declaration. Never throws.
 *
 * *Source:* the MIME sniffing standard for HTML, binary data and byte order marks.
 */
export async function classify(bytes: Uint8Array, contentType: string): Promise<Classified> {
  const declared = toMediaType(contentType);
  if (isPdf(bytes)) return { kind: 'pdf', mediaType: 'application/pdf' };
  if (startsWith(bytes, [0x50, 0x4b])) {
    const zipped = classifyZip(bytes);
    if (zipped !== null) return zipped;
  }
  if (latin(bytes, 0, 5) === '{\\rtf') return { kind: 'office', mediaType: 'application/rtf' };
  const opening = decodeOpening(bytes, toCharset(contentType));
  // Text is told by its letters first: what looks for file types finds a few in text as well.
  if (opening === null) return classifyBinary(bytes, declared);
  return classifyText(opening, bytes, declared);
}

async function classifyBinary(bytes: Uint8Array, declared: string): Promise<Classified> {
  const found = await fileTypeFromBuffer(bytes.subarray(0, 1_000_000)).catch(() => undefined);
  const mediaType = found?.mime ?? (/^(?:$|text\/)/.test(declared) ? 'application/octet-stream' : declared);
  if (mediaType === 'application/x-cfb') return { kind: 'office', mediaType };
  if (mediaType.startsWith('image/')) return { kind: 'image', mediaType: found?.mime ?? mediaType };
  if (archiveTypes.test(mediaType)) return { kind: 'archive', mediaType };
  return { kind: 'other', mediaType };
}

const archiveTypes =
  /^application\/(?:zip|gzip|x-(?:7z|rar|tar|bzip2|xz|lzip|lzh|compress|ar|gzip|apache-arrow|zstd|cpio)|zstd|vnd\.rar|x-7z-compressed|x-rar-compressed|java-archive)/;

const ooxmlFolders: readonly (readonly [string, string])[] = [
  ['word/', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['xl/', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ['ppt/', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
];

/** Null when it only begins as a zip file does. */
function classifyZip(bytes: Uint8Array): Classified | null {
  const entries = listZip(bytes);
  if (entries === null)
    return startsWith(bytes, [0x50, 0x4b, 3, 4]) ? { kind: 'archive', mediaType: 'application/zip' } : null;
  const names = entries.map(({ name }) => name);
  if (names.includes('[Content_Types].xml')) {
    const folder = ooxmlFolders.find(([prefix]) => names.some((name) => name.startsWith(prefix)));
    if (folder !== undefined) return { kind: 'office', mediaType: folder[1] };
  }
  // ODF and EPUB keep their type in a first, stored entry named so.
  const type = /mimetype(application\/(?:vnd\.oasis\.opendocument\.[a-z-]+|epub\+zip))/.exec(
    latin(bytes, 30, 160),
  )?.[1];
  if (type !== undefined) return { kind: 'office', mediaType: type };
  return { kind: 'archive', mediaType: 'application/zip' };
}

/** The header may stand a little way in, but not behind markup: a page about PDF is a page. */
function isPdf(bytes: Uint8Array): boolean {
  const opening = latin(bytes, 0, 1024);
  const at = opening.indexOf('%PDF-');
  return at !== -1 && !opening.slice(0, at).includes('<');
}

const openingBytes = 4096;

/** The first characters as text, or null when they are no text. */
function decodeOpening(bytes: Uint8Array, charset: string | undefined): string | null {
  const head = bytes.subarray(0, openingBytes);
  const wide = toWideEncoding(head, charset);
  if (wide !== null) return new TextDecoder(wide).decode(head);
  return head.some((byte) => isBinaryByte(byte)) ? null : new TextDecoder().decode(head);
}

function toWideEncoding(head: Uint8Array, charset: string | undefined): string | null {
  if (startsWith(head, [0xff, 0xfe])) return 'utf-16le';
  if (startsWith(head, [0xfe, 0xff])) return 'utf-16be';
  const name = (charset ?? '').toLowerCase();
  if (!name.startsWith('utf-16')) return null;
  return name === 'utf-16be' ? 'utf-16be' : 'utf-16le';
}

/** *Source:* "binary data byte" of the MIME sniffing standard. */
function isBinaryByte(byte: number): boolean {
  return byte <= 8 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f);
}

const htmlOpening =
  /^(?:<!doctype html|<(?:html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link|main|article|section|nav|header)[\s/>]|<!--)/i;
const sureHtmlOpening = /^(?:<!--[\s\S]{0,2000}?-->\s*)*(?:<!doctype html|<html[\s>])/i;
const htmlTypes = new Set(['text/html', 'application/xhtml+xml']);
/** Types that say nothing, or that text cannot be. */
const unspecific =
  /^(?:$|application\/(?:octet-stream|pdf|zip|gzip|msword|x-.*|vnd\..*|rtf|epub\+zip)|image\/|audio\/|video\/|font\/|binary\/)/;

function classifyText(opening: string, bytes: Uint8Array, declared: string): Classified {
  const text = opening.replace(/^[\ufeff\s]+/, '');
  if (text.startsWith('<?xml')) return classifyXml(text, declared);
  if (sureHtmlOpening.test(text)) return { kind: 'html', mediaType: 'text/html' };
  if (/^<svg[\s>]/i.test(text)) return { kind: 'image', mediaType: 'image/svg+xml' };
  const isHtmlByName = htmlTypes.has(declared);
  if (/^[[{]/.test(text) && (/json/.test(declared) || isJson(bytes)))
    return { kind: 'json', mediaType: 'application/json' };
  if (isHtmlByName) return { kind: 'html', mediaType: declared };
  if (/json/.test(declared)) return looseJson(text, declared);
  if (htmlOpening.test(text) && unspecific.test(declared)) return { kind: 'html', mediaType: 'text/html' };
  return { kind: 'text', mediaType: unspecific.test(declared) ? 'text/plain' : declared };
}

/** A number or a text alone is JSON too, when it is said to be; markup is not. */
function looseJson(text: string, declared: string): Classified {
  if (htmlOpening.test(text)) return { kind: 'html', mediaType: 'text/html' };
  return { kind: 'json', mediaType: declared };
}

function classifyXml(text: string, declared: string): Classified {
  const root = /<([a-z][\w:.-]*)[\s/>]/i.exec(text.replaceAll(/<[?!][^>]*>/g, ''))?.[1]?.toLowerCase() ?? '';
  if (root === 'html') return { kind: 'html', mediaType: 'application/xhtml+xml' };
  if (root === 'svg') return { kind: 'image', mediaType: 'image/svg+xml' };
  return {
    kind: 'text',
    mediaType: unspecific.test(declared) || htmlTypes.has(declared) ? 'application/xml' : declared,
  };
}

const maxJsonBytes = 32 * 1024 * 1024;

function isJson(bytes: Uint8Array): boolean {
  if (bytes.byteLength > maxJsonBytes) return false;
  try {
    JSON.parse(new TextDecoder().decode(bytes));
    return true;
  } catch {
    return false;
  }
}

function startsWith(bytes: Uint8Array, opening: readonly number[]): boolean {
  return opening.every((byte, index) => bytes[index] === byte);
}

function latin(bytes: Uint8Array, start: number, end: number): string {
  return Array.from(bytes.subarray(start, end), (byte) => String.fromCodePoint(byte)).join('');
}

import { AppError } from '../../../domain/errors.ts';

/** How a body is turned into text. */
export type PageKind = 'html' | 'text';

const htmlTypes = ['text/html', 'application/xhtml+xml'];
const textTypes = [
  'application/json',
  'application/xml',
  'application/javascript',
  'application/x-ndjson',
  'application/yaml',
];

/** Openings of files that are something else, whatever their header says. */
const magics: readonly { readonly opening: string; readonly type: string }[] = [
  { opening: '%PDF-', type: 'application/pdf' },
  { opening: 'PK\u0003\u0004', type: 'application/zip' },
  { opening: '\u0089PNG', type: 'image/png' },
  { opening: 'GIF8', type: 'image/gif' },
  { opening: '\u00ff\u00d8\u00ff', type: 'image/jpeg' },
];

/** The type in a `Content-Type` header, lower case, without parameters. */
function toMediaType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

/** The `charset` parameter of a `Content-Type` header, when there is one. */
export function toCharset(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1];
}

/**
 * Decides how a body is read: by its opening, then by its declared type, then by what it looks like.
 *
 * @throws AppError `Tool.Failed` naming the type when it is none that can be read.
 */
export function toPageKind(contentType: string, bytes: Uint8Array): PageKind {
  const opening = String.fromCodePoint(...bytes.subarray(0, 512));
  const magic = magics.find((row) => opening.startsWith(row.opening));
  if (magic !== undefined) throw unreadable(magic.type);
  const type = toMediaType(contentType);
  if (htmlTypes.includes(type)) return 'html';
  if (type.startsWith('text/') || textTypes.includes(type) || /\+(json|xml)$/.test(type)) return 'text';
  if (type !== '' && type !== 'application/octet-stream') throw unreadable(type);
  if (/^\s*<(!doctype|html|head|body)/i.test(opening)) return 'html';
  if (!opening.includes('\u0000')) return 'text';
  throw unreadable('application/octet-stream');
}

function unreadable(type: string): AppError {
  return new AppError('Tool.Failed', {
    field: 'url',
    what: `a page of type ${JSON.stringify(type.slice(0, 100))} cannot be read`,
    mend: 'HTML, plain text and JSON can; try another source.',
  });
}

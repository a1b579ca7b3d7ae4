import { AppError } from '../../domain/errors.ts';
import { parseStrictJson } from './strict-json.ts';

/** Longest body that is read. */
const maxBodyBytes = 256 * 1024;

function tooLarge(): AppError {
  return new AppError('Input.TooLarge', {
    what: `the body is longer than ${maxBodyBytes} bytes`,
    mend: `Send at most ${maxBodyBytes} bytes.`,
  });
}

/** A body in memory; stops reading at the limit. @throws AppError `Input.TooLarge` */
async function readBytes(request: Request): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  if (declared > maxBodyBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let total = 0;
  if (request.body === null) return new Uint8Array();
  for await (const chunk of request.body) {
    total += chunk.byteLength;
    if (total > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** JSON is the only media type; a charset other than UTF-8 and a content coding are refused. */
function requireJson(request: Request): void {
  const given = request.headers.get('content-type') ?? '';
  const [type, ...parameters] = given.split(';').map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  const coding = (request.headers.get('content-encoding') ?? 'identity').toLowerCase();
  if (type === 'application/json' && /^"?utf-8"?$/u.test(charset ?? 'utf-8') && coding === 'identity') return;
  const sent = coding === 'identity' ? given.slice(0, 100) || 'nothing' : `content-encoding ${coding.slice(0, 40)}`;
  throw new AppError('Input.UnsupportedMedia', {
    what: `the body's content type must be application/json in UTF-8, not ${sent}`,
    field: 'content-type',
    mend: 'Send the header content-type: application/json.',
  });
}

/** The JSON value of a request. @throws AppError `Input.UnsupportedMedia`, `Input.TooLarge`, `Input.BadJson`, `Input.Invalid` */
export async function readJsonBody(request: Request): Promise<unknown> {
  requireJson(request);
  const bytes = await readBytes(request);
  if (bytes.byteLength === 0) throw new AppError('Input.BadJson', { what: 'the body is empty, at offset 0' });
  return parseStrictJson(bytes);
}

/** For verbs that take nothing: no body, or `{}`. @throws as {@link readJsonBody} */
export async function requireNoBody(request: Request): Promise<void> {
  if (request.body === null) return;
  const bytes = await readBytes(request);
  if (bytes.byteLength === 0) return;
  requireJson(request);
  const value = parseStrictJson(bytes);
  const isEmpty =
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
  if (!isEmpty) {
    throw new AppError('Input.Invalid', { what: 'this call takes no body', field: '', mend: 'Send none, or {}.' });
  }
}

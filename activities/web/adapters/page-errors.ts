import { AppError, toAppError } from '../../../domain/errors.ts';
import { toRetryAfterMs } from './retry-after.ts';

const hopelessCodes =
  /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_SSL|EPROTO|HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES)/;

/** The failure that stands for a status outside 2xx: 408, 429 and 5xx may pass, the others would answer the same again. */
export function toStatusError(status: number, retryAfter: string): AppError {
  const mayPass = status === 408 || status === 429 || status >= 500;
  const retryAfterMs = toRetryAfterMs(retryAfter);
  return new AppError(mayPass ? 'Tool.Unavailable' : 'Tool.Failed', {
    field: 'url',
    what: `the page answered with status ${status}`,
    mend: mayPass ? 'Try again later, or try another source.' : 'Try another source.',
    ...(mayPass && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  });
}

/** The failure that stands for whatever broke while a page was fetched or parsed. */
export function toFetchError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = toCode(error);
  if (code === null) return toAppError(error);
  if (hopelessCodes.test(code)) {
    return new AppError('Tool.Failed', {
      field: 'url',
      what: `the server's answer cannot be trusted or understood (${code})`,
      mend: 'Try another source.',
      cause: error,
    });
  }
  return new AppError('Tool.Unavailable', {
    field: 'url',
    what: `the server could not be reached (${code})`,
    mend: 'Try again later, or try another source.',
    cause: error,
  });
}

/** The code of a network error; null for an error that is not one, and so a bug of ours. */
function toCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { AppError, type FailureType } from '../../../domain/errors.ts';
import { withoutCredentials } from '../../../domain/without-credentials.ts';

/** What a status means; the ranges below it cover the rest. */
const typeOfStatus: Readonly<Record<number, FailureType>> = {
  401: 'Model.Auth',
  403: 'Model.Auth',
  408: 'Model.Timeout',
  409: 'Model.Failed',
  429: 'Model.RateLimited',
  500: 'Model.Failed',
  502: 'Model.Unavailable',
  503: 'Model.Unavailable',
  504: 'Model.Unavailable',
  529: 'Model.Unavailable',
};

/** Words by which server families refuse a prompt that is too long. */
const overflowMarks = [
  'context length',
  'longer than the model',
  'maximum context',
  'context_length_exceeded',
  'exceed_context_size',
];

/** The wait that the server asks for: `retry-after-ms`, else `Retry-After` in seconds or as a date. */
export function readRetryAfterMs(headers: Headers | undefined, nowMs: number): number | undefined {
  const exact = Number(headers?.get('retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(exact) && exact >= 0) return exact;
  const value = headers?.get('retry-after');
  if (value === null || value === undefined) return undefined;
  const seconds = Number(value);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1_000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function typeOf(error: APIError): FailureType {
  const status = Number(error.status);
  const text = error.message.toLowerCase();
  if ((status === 400 || status === 413 || status === 422) && overflowMarks.some((mark) => text.includes(mark))) {
    return 'Model.ContextOverflow';
  }
  return typeOfStatus[status] ?? (status >= 500 ? 'Model.Failed' : 'Model.Refused');
}

/** Turns whatever the client threw into a `Model.*` failure; the upstream's words are kept short, its body is not kept. */
export function toModelError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof APIConnectionTimeoutError) {
    return new AppError('Model.Timeout', { what: 'the model server did not answer in time', cause: error });
  }
  if (error instanceof APIConnectionError) {
    return new AppError('Model.Unavailable', { what: 'the model server cannot be reached', cause: error });
  }
  if (!(error instanceof APIError)) {
    const what = error instanceof Error ? error.message : String(error);
    return new AppError('Model.StreamCut', {
      what: `the connection to the model broke (${what.slice(0, 200)})`,
      cause: error,
    });
  }
  const retryAfterMs = readRetryAfterMs(error.headers, Date.now());
  return new AppError(typeOf(error), {
    // No cause is attached: it holds the server's whole answer, which may repeat what we sent.
    what: `the model server answered ${error.status ?? 'with an error'}: ${withoutCredentials(error.message).slice(0, 300)}`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

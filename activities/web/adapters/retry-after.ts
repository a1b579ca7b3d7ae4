const maxRetryAfterMs = 24 * 60 * 60 * 1000;

/**
 * What a `Retry-After` header asks for, in milliseconds from `now`; undefined when it says nothing that can be read.
 *
 * *Source:* RFC 9110 §10.2.3: seconds or an HTTP date. At most a day is believed.
 */
export function toRetryAfterMs(header: string | null | undefined, now: number = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  if (text === '') return undefined;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(Math.ceil(ms), 0), maxRetryAfterMs);
}

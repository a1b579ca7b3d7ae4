import { APIError } from 'openai';
import { toModelError } from './openai-errors.ts';
import { type ChatBody, optionalFieldNames } from './chat-body.ts';

/** Statuses by which servers refuse a body. */
const refusals: ReadonlySet<number> = new Set([400, 422]);

/** Words by which servers say that it is a field, not the request, that they do not take. */
const fieldMarks = [
  'unrecognized',
  'unknown',
  'unexpected',
  'extra',
  'not permitted',
  'not supported',
  'unsupported',
  'not enabled',
  'not allowed',
  'invalid field',
  'does not support',
];

/** How servers write the names of fields in their messages, where that is not the field's own name. */
const spellings: Readonly<Record<string, readonly string[]>> = { priority: ['priority'] };

/**
 * The optional fields of a body that a server's answer refuses; empty when it refuses something else.
 *
 * A prompt that is too long, or a wrong value, stays a failure.
 */
export function findRefusedFields(error: unknown, body: ChatBody): string[] {
  if (!(error instanceof APIError) || !refusals.has(Number(error.status))) return [];
  if (toModelError(error).type === 'Model.ContextOverflow') return [];
  const text = error.message.toLowerCase();
  if (!fieldMarks.some((mark) => text.includes(mark))) return [];
  const sent = optionalFieldNames.filter((name) => Object.hasOwn(body, name));
  return sent.filter((name) =>
    (spellings[name] ?? [name]).some((spelling) => new RegExp(`\\b${spelling}\\b`, 'u').test(text)),
  );
}

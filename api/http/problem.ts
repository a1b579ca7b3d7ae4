import { z } from 'zod';
import { type AppError, type FailureType, failures } from '../../domain/errors.ts';

/** RFC 9457, with our code and the rules that were broken. */
export const problemSchema = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    errors: z.array(z.strictObject({ pointer: z.string(), rule: z.string(), detail: z.string() })),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problemSchema>;

/** Codes that clients dispatch on; a type without one has its own name in snake case. */
const codes: Partial<Record<FailureType, string>> = {
  'Input.Invalid': 'invalid_field',
  'Input.BadJson': 'bad_json',
  'Input.BadCursor': 'bad_cursor',
  'Input.TooLarge': 'payload_too_large',
  'Input.UnsupportedMedia': 'unsupported_media_type',
  'Input.NotFound': 'not_found',
  'Input.NotAllowed': 'method_not_allowed',
  'Input.IdempotencyMismatch': 'idempotency_mismatch',
  'Input.InFlight': 'in_flight',
  'Input.ForeignOrigin': 'forbidden',
  'Run.Ended': 'run_ended',
  'Budget.Exceeded': 'budget_insufficient',
  'Engine.Unavailable': 'engine_unavailable',
  'Storage.Unavailable': 'storage_unavailable',
  'Storage.Full': 'storage_full',
  'Internal.Bug': 'internal_error',
};

const maxDetailChars = 1_000;

/** JSON pointer of a path. */
function toPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Each broken rule of a schema on a line of its own; every unknown field is named. */
export function toRuleErrors(issues: readonly z.core.$ZodIssue[]): Problem['errors'] {
  const rows = issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      const rule = issue.code === 'custom' ? String(issue.params?.['rule'] ?? 'custom') : issue.code;
      return [{ pointer: toPointer(issue.path), rule, detail: issue.message.slice(0, 300) }];
    }
    return issue.keys.map((key) => ({
      pointer: toPointer([...issue.path, key]),
      rule: 'unknown_field',
      detail: 'this field is not known',
    }));
  });
  return rows.slice(0, 20);
}

function toErrors(failure: AppError): Problem['errors'] {
  const { cause } = failure;
  const { field, what } = failure.facts;
  if (cause instanceof z.ZodError) return toRuleErrors(cause.issues);
  const rule = what.startsWith('unknown field') ? 'unknown_field' : toCode(failure.type);
  return field === undefined ? [] : [{ pointer: field, rule, detail: what.slice(0, maxDetailChars) }];
}

function toCode(type: FailureType): string {
  return codes[type] ?? type.replace('.', '_').toLowerCase();
}

/** The door's answer to a failure. A bug of ours is told as one, without its message: that is in the log. */
export function toProblem(failure: AppError, request: { readonly instance: string; readonly id: string }): Problem {
  const { http, title } = failures[failure.type];
  const errors = toErrors(failure);
  const isUnknownField = errors.length > 0 && errors.every((error) => error.rule === 'unknown_field');
  const code = isUnknownField ? 'unknown_field' : (failure.facts.rule ?? toCode(failure.type));
  const detail = failure.type === 'Internal.Bug' ? `The log has the cause under ${request.id}.` : failure.message;
  return {
    type: `urn:longhaul:problem:${code}`,
    title,
    status: http,
    detail: detail.slice(0, maxDetailChars),
    instance: request.instance.slice(0, 300),
    code,
    errors,
  };
}

/** Headers that belong to a failure: when to come again. */
export function toProblemHeaders(failure: AppError): Record<string, string> {
  // Clients of the field's SDKs send a 409 again unless they are told that it is in vain.
  if (failure.type === 'Run.Conflict' || failure.type === 'Run.Ended') return { 'x-should-retry': 'false' };
  if (failures[failure.type].retry !== 'wait') return {};
  const waitMs = failure.facts.retryAfterMs ?? (failure.type === 'Input.InFlight' ? 1_000 : 5_000);
  return { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1_000))) };
}

/** A problem as a response. */
export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...headers, 'content-type': 'application/problem+json' },
  });
}

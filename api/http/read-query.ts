import type { z } from 'zod';
import { AppError } from '../../domain/errors.ts';
import { toRuleErrors } from './problem.ts';

/** What a schema refused, as a failure that names every field and rule. */
export function toInvalid(error: z.ZodError): AppError {
  const [first] = toRuleErrors(error.issues);
  return new AppError('Input.Invalid', {
    what: `${first?.pointer ?? ''}: ${first?.detail ?? 'not of its schema'}`,
    ...(first === undefined ? {} : { field: first.pointer }),
    mend: 'GET /openapi.json has every field with its range.',
    cause: error,
  });
}

/** The query of a URL by its schema. A parameter that is unknown or given twice is refused. @throws AppError `Input.Invalid` */
export function readQuery<T>(schema: z.ZodType<T>, given: Readonly<Record<string, string[]>>): T {
  const twice = Object.entries(given).find(([, values]) => values.length > 1)?.[0];
  if (twice !== undefined) {
    const field = `/${twice.slice(0, 100)}`;
    throw new AppError('Input.Invalid', { field, what: `${field}: the parameter is given more than once` });
  }
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(given).map(([name, values]) => [name, values[0]])));
  if (!parsed.success) throw toInvalid(parsed.error);
  return parsed.data;
}

/** A number of an event, from a header or parameter; −1 when absent. @throws AppError `Input.BadCursor` */
export function readEventNumber(field: string, value: string | undefined): number {
  if (value === undefined) return -1;
  if (/^\d{1,9}$/u.test(value)) return Number(value);
  throw new AppError('Input.BadCursor', {
    field,
    what: `${field}: expected the number of an event, 0 or more`,
    mend: 'Leave it out to read from the first event.',
  });
}

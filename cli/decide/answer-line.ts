import { z } from 'zod';
import type { JsonValue } from '../../domain/agent/arguments/json-value.ts';
import { parseStrictJson } from '../../domain/agent/arguments/strict-json.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { DecideContext, Decision } from './decision.ts';

const caseSchema = z.object({ id: z.string(), input: z.custom<JsonValue>(() => true) });

/** Numbers that a double does not hold. */
const exactNumbers = /\d{16}|\d[eE]\+?\d{3}/;

/** One value of JSON, with the digits of its numbers. */
function parseValue(line: string): unknown {
  if (exactNumbers.test(line)) {
    const exact = parseStrictJson(line);
    if (exact.ok) return exact.value;
  }
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new AppError('Input.BadJson', { what: 'a line is no JSON', cause: error });
  }
}

function toInvalid(error: z.ZodError): AppError {
  const [issue] = error.issues;
  const path = issue?.path.map(String).join('/') ?? '';
  return new AppError('Input.Invalid', { field: `/${path}`, what: `/${path}: ${issue?.message ?? 'not valid'}` });
}

function idOf(value: unknown): string | null {
  const parsed = z.object({ id: z.string() }).safeParse(value);
  return parsed.success ? parsed.data.id : null;
}

/** Answers one line. Never throws: what is no valid input is answered with an error. */
export function answerLine(decision: Decision, context: DecideContext, line: string): string {
  let id: string | null = null;
  try {
    const value = parseValue(line);
    id = idOf(value);
    const { input } = caseSchema.parse(value);
    return JSON.stringify({ id, output: decision.run(context, input) });
  } catch (error) {
    const failure = error instanceof z.ZodError ? toInvalid(error) : toAppError(error);
    return JSON.stringify({ id, error: { type: failure.type, message: failure.message } });
  }
}

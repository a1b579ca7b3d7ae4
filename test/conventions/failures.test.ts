import { describe, expect, it } from 'vitest';
import { toApplicationFailure } from '../../activities/steps/run-activity.ts';
import { toProblem, toProblemHeaders } from '../../api/http/problem.ts';
import { AppError, failures, isFailureType } from '../../domain/errors.ts';

const types = Object.keys(failures).filter(isFailureType);
const failureOf = (type: (typeof types)[number]) => new AppError(type, { what: 'it broke', retryAfterMs: 2_500 });

/** When to come again, or that it is in vain: clients send a 409 again unless they are told. */
function headersOf(type: (typeof types)[number]): Record<string, string> {
  if (failures[type].retry === 'wait') return { 'retry-after': '3' };
  return type === 'Run.Conflict' || type === 'Run.Ended' ? { 'x-should-retry': 'false' } : {};
}

describe('every failure type', () => {
  it('there are some', () => {
    expect(types.length).toBeGreaterThan(30);
  });

  it.each(types)('%s at the engine: its type, its message, the wait that was asked for', (type) => {
    const failure = toApplicationFailure(failureOf(type), failures[type].retry === 'never');
    expect(failure).toMatchObject({
      type,
      message: failureOf(type).message,
      nonRetryable: failures[type].retry === 'never',
      nextRetryDelay: 2_500,
    });
    expect(failure.category === 'BENIGN').toBe(failures[type].retry === 'wait');
  });

  it.each(types)('%s at the HTTP door: its status, a code, and when to come again', (type) => {
    const problem = toProblem(failureOf(type), { instance: '/v1/research', id: 'r1' });
    expect(problem.status).toBe(failures[type].http);
    expect(problem.code).toMatch(/^[a-z][a-z_.]+$/u);
    expect(problem.type.endsWith(problem.code)).toBe(true);
    expect(toProblemHeaders(failureOf(type))).toEqual(headersOf(type));
  });
});

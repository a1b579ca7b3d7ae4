import { describe, expect, it } from 'vitest';
import { AppError, failures, isFailureType, toAppError } from '../../domain/errors.ts';

const types = Object.keys(failures).filter(isFailureType);

describe('the failure table', () => {
  it.each(types)('%s: dotted name, retry rule, HTTP status of an error, title', (type) => {
    const { retry, http, title } = failures[type];
    expect(type).toMatch(/^[A-Z][A-Za-z]+\.[A-Z][A-Za-z]+$/u);
    expect(['never', 'fault', 'wait']).toContain(retry);
    expect(http).toBeGreaterThanOrEqual(400);
    expect(http).toBeLessThan(600);
    expect(title.length).toBeGreaterThan(3);
  });

  it('a name that every object has: no failure type', () => {
    expect(types).toHaveLength(Object.keys(failures).length);
    expect(['toString', '__proto__', 'constructor', '', null, 5].some(isFailureType)).toBe(false);
    expect(types.every(isFailureType)).toBe(true);
  });
});

describe('an AppError', () => {
  it('facts: the message has title, what happened and the mend', () => {
    const error = new AppError('Input.Invalid', {
      what: 'question is empty',
      mend: 'Give a question.',
      field: '/question',
    });
    expect(error.message).toBe('invalid input: question is empty. Give a question.');
    expect(error.facts.field).toBe('/question');
    expect(error.type).toBe('Input.Invalid');
  });

  it('without a mend: the message ends with what happened', () => {
    expect(new AppError('Tool.Failed', { what: 'no answer' }).message).toBe('tool failed: no answer.');
  });

  it('its cause: kept for logs, absent from the message', () => {
    const cause = new Error('token=abc');
    const error = new AppError('Model.Failed', { what: 'it broke', cause });
    expect(error.cause).toBe(cause);
    expect(error.message).not.toContain('abc');
  });

  it.each([
    ['an AppError', new AppError('Tool.Failed', { what: 'x' }), 'Tool.Failed'],
    ['an Error', new TypeError('x is undefined'), 'Internal.Bug'],
    ['a text', 'thrown text', 'Internal.Bug'],
    ['undefined', undefined, 'Internal.Bug'],
  ])('%s thrown → a known type that names it', (_, thrown, type) => {
    const error = toAppError(thrown);
    expect(error.type).toBe(type);
    expect(error.message).toContain(
      thrown instanceof Error ? thrown.message.replace('tool failed: ', '') : String(thrown),
    );
  });
});

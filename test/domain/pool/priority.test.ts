import { describe, expect, it } from 'vitest';
import { isNearEnd, priorityClassSchema, toCallPriorityKey, toRunPriority } from '../../../domain/pool/priority.ts';

describe('priority of a run', () => {
  it.each([
    ['interactive', 1],
    ['batch', 3],
    ['rollout', 5],
  ] as const)('%s → key %i, counted for its tenant', (priorityClass, priorityKey) => {
    expect(toRunPriority({ priorityClass, tenant: 'acme' })).toEqual({ priorityKey, fairnessKey: 'acme' });
  });

  it('a tenant with a share of its own: its weight', () => {
    expect(toRunPriority({ priorityClass: 'batch', tenant: 'acme', weight: 2 })).toMatchObject({ fairnessWeight: 2 });
  });

  it('a tenant’s name over the engine’s limit: cut', () => {
    const { fairnessKey } = toRunPriority({ priorityClass: 'batch', tenant: 'é'.repeat(64) });
    expect(Buffer.byteLength(fairnessKey)).toBeLessThanOrEqual(64);
  });
});

describe('priority of a call', () => {
  it('a run that is about to end: before its own class, never before the one above', () => {
    const keys = priorityClassSchema.options.map(
      (priorityClass) => toRunPriority({ priorityClass, tenant: 't' }).priorityKey,
    );
    expect(keys.map((key) => toCallPriorityKey(key, false))).toEqual([1, 3, 5]);
    expect(keys.map((key) => toCallPriorityKey(key, true))).toEqual([1, 2, 4]);
  });

  it.each([
    [{ turns: 10, maxTurns: 600, isFinal: false }, false],
    [{ turns: 10, maxTurns: 600, isFinal: true }, true],
    [{ turns: 540, maxTurns: 600, isFinal: false }, true],
    [{ turns: 539, maxTurns: 600, isFinal: false }, false],
  ])('%j → about to end: %s', (run, expected) => {
    expect(isNearEnd(run)).toBe(expected);
  });
});

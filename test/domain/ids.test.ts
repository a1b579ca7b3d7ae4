import { describe, expect, it } from 'vitest';
import { digestSchema, fromWorkflowId, runIdSchema, tenantSchema, toWorkflowId } from '../../domain/ids.ts';

const runId = '01J9ZX5T3QW8RN6Y7BCDEFGHJK';

describe('a run id', () => {
  it.each([
    ['a ULID', runId, true],
    ['the largest ULID', '7ZZZZZZZZZZZZZZZZZZZZZZZZZ', true],
    ['beyond 128 bits', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ', false],
    ['lower case', runId.toLowerCase(), false],
    ['a letter that Crockford leaves out', `${runId.slice(0, -1)}I`, false],
    ['one character short', runId.slice(1), false],
    ['a path', '../../../../../etc/passwd0', false],
    ['a newline after it', `${runId}\n`, false],
    ['empty', '', false],
  ])('%s → %j is judged', (_, text, valid) => {
    expect(runIdSchema.safeParse(text).success).toBe(valid);
  });
});

describe('a tenant', () => {
  it.each([
    ['default', true],
    ['a', true],
    ['a-1', true],
    ['a'.repeat(63), true],
    ['a'.repeat(64), false],
    ['-a', false],
    ['A', false],
    ['a/b', false],
    ['..', false],
    ['', false],
  ])('%j → judged', (text, valid) => {
    expect(tenantSchema.safeParse(text).success).toBe(valid);
  });
});

describe('a digest', () => {
  it.each([
    ['64 lower-case hex digits', 'a0'.repeat(32), true],
    ['upper case', 'A0'.repeat(32), false],
    ['63 digits', 'a'.repeat(63), false],
  ])('%s → judged', (_, text, valid) => {
    expect(digestSchema.safeParse(text).success).toBe(valid);
  });
});

describe('a workflow id', () => {
  it('to and fro: the same run', () => {
    const run = { tenant: 'default', runId };
    expect(fromWorkflowId(toWorkflowId(run))).toEqual(run);
  });

  it.each([
    '',
    'research',
    'research/default',
    `evaluation/default/${runId}`,
    `research/default/${runId}/more`,
    `research/default/${runId}/`,
    `research/DEFAULT/${runId}`,
    'research/default/not-a-ulid',
    `/research/default/${runId}`,
  ])('%j → null', (text) => {
    expect(fromWorkflowId(text)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { digestText } from '../../domain/digest.ts';
import {
  digestRecord,
  extendHead,
  extendTrajectory,
  type StepRecord,
  stepRecordSchema,
  toStepKey,
  trajectoryRoot,
} from '../../domain/record.ts';
import { outcomeKindSchema, toStatus } from '../../domain/outcome.ts';
import { aModelRecord, anotherRunId, aRunId } from '../support/facts.ts';

const chainOf = (records: readonly StepRecord[]) => records.reduce(extendTrajectory, trajectoryRoot);

describe('the trajectory chain', () => {
  it.each<[string, Partial<StepRecord>]>([
    ['run', { runId: anotherRunId }],
    ['time', { startedAtMs: 5, endedAtMs: 6 }],
    ['usage', { usage: { inputTokens: 9, outputTokens: 9, cachedTokens: 9 }, contentTokens: 9 }],
    ['price', { costMicroUsd: 12 }],
    ['delivery', { delivery: 7 }],
    ['turn number and attempt', { turn: 9, attempt: 2 }],
    ['words of a failure', { failure: { type: 'Tool.Failed', message: 'at 127.0.0.1:4711' } }],
    ['served model', { model: { ...aModelRecord().model!, model: 'another', promptDigest: digestText('b') } }],
  ])('another %s: the same chain, another record', (_, change) => {
    expect(chainOf([aModelRecord(change)])).toBe(chainOf([aModelRecord()]));
    expect(digestRecord(aModelRecord(change))).not.toBe(digestRecord(aModelRecord()));
  });

  it.each<[string, Partial<StepRecord>]>([
    ['slot', { seq: 1 }],
    ['kind', { kind: 'tool' }],
    ['request', { requestDigest: digestText('another') }],
    ['no request', { requestDigest: null }],
    ['content', { contents: [{ name: 'reply', digest: digestText('another'), bytes: 7 }] }],
    ['content under another name', { contents: [{ name: 'observation', digest: digestText('a reply'), bytes: 7 }] }],
    ['outcome', { status: 'failed' }],
  ])('another %s: another chain', (_, change) => {
    expect(chainOf([aModelRecord(change)])).not.toBe(chainOf([aModelRecord()]));
  });

  it('the same records in another order: another chain', () => {
    const [first, second] = [aModelRecord(), aModelRecord({ seq: 1 })];
    expect(chainOf([first, second])).not.toBe(chainOf([second, first]));
  });
});

describe('the audit chain', () => {
  it('each link: depends on what was before and on the record', () => {
    const heads = [
      extendHead('a', 'b'),
      extendHead('b', 'a'),
      extendHead('a', 'a'),
      extendHead(extendHead('a', 'b'), 'b'),
    ];
    expect(new Set(heads).size).toBe(heads.length);
  });

  it('any change of a record: another digest', () => {
    expect(digestRecord(aModelRecord({ endedAtMs: 2_001 }))).not.toBe(digestRecord(aModelRecord()));
  });
});

describe('a step key', () => {
  const slot = { tenant: 'default', runId: aRunId, seq: 3 };
  it('slot, kind and request: the same key each time, another for another', () => {
    const key = toStepKey(slot, 'tool', 'r');
    expect(toStepKey({ ...slot }, 'tool', 'r')).toBe(key);
    const others = [
      toStepKey({ ...slot, tenant: 'other' }, 'tool', 'r'),
      toStepKey({ ...slot, runId: anotherRunId }, 'tool', 'r'),
      toStepKey({ ...slot, seq: 4 }, 'tool', 'r'),
      toStepKey(slot, 'model', 'r'),
      toStepKey(slot, 'tool', 's'),
    ];
    expect(new Set([key, ...others]).size).toBe(6);
  });
});

describe('the record schema', () => {
  it('a record: passes, through JSON too; its envelope is at most 900 bytes', () => {
    const text = JSON.stringify(aModelRecord());
    expect(stepRecordSchema.parse(JSON.parse(text))).toEqual(aModelRecord());
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(900);
  });

  it.each([
    ['a member more', { more: 1 }],
    ['an unknown content', { contents: [{ name: 'thing', digest: digestText(''), bytes: 0 }] }],
    ['part of a micro-USD', { costMicroUsd: 0.5 }],
    ['another version', { schemaVersion: 2 }],
  ])('%s: refused', (_, change) => {
    expect(stepRecordSchema.safeParse({ ...aModelRecord(), ...change }).success).toBe(false);
  });
});

describe('an outcome', () => {
  it('each: has its status, and only an answer is completed', () => {
    const completed = outcomeKindSchema.options.filter((outcome) => toStatus(outcome) === 'completed');
    expect(completed).toEqual(['answered']);
    expect(toStatus('budget_exhausted')).toBe('incomplete');
    expect(toStatus('cancelled')).toBe('cancelled');
    expect(toStatus('failed')).toBe('failed');
  });
});

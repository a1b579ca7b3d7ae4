import { describe, expect, it } from 'vitest';
import { buildBareHistory } from '../../../bench/history/built-history.ts';
import { countEvents, measureReceipts } from '../../../bench/support/histories.ts';

describe('hand-built bare history', () => {
  const execution = { executionId: 'built', history: buildBareHistory(600) };

  it('600 turns of two activities → 7,205 events with dense ids', () => {
    expect(countEvents(execution)).toBe(7_205);
    const ids = (execution.history.events ?? []).map((event) => Number(event.eventId));
    expect(ids).toEqual(Array.from({ length: 7_205 }, (_, index) => index + 1));
  });

  it('receipts of one activity type → only its results, in bytes', () => {
    const models = measureReceipts([execution], new Set(['model']));
    expect(models).toHaveLength(600);
    // A hundred characters and their quotes.
    expect(new Set(models)).toEqual(new Set([102]));
    expect(measureReceipts([execution], new Set(['other']))).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { toHistoryFacts, toNextExecution } from '../../../api/events/to-history-facts.ts';
import { projectEvents } from '../../../domain/events.ts';
import { aModelReceipt, createHistory } from '../history-builder.ts';

describe('toHistoryFacts', () => {
  it('history of one execution: → a fact for each event that is one, in order, nothing for the rest', () => {
    const history = createHistory().started({ carry: null }).decided();
    const open = history.scheduled('openRun', { runId: 'r' }, 'orchestrator');
    history.completed(open, { facts: {} }).decided().upserted();
    const model = history.scheduled('callModel', { seq: 0, turn: 1, purpose: 'turn' });
    history.completed(model, aModelReceipt()).decided();
    history.cancelRequested().updateAccepted('steer').done({ outcome: 'answered' });
    const facts = toHistoryFacts(history.events);
    expect(facts.map(({ type }) => type)).toEqual([
      'started',
      'activity-scheduled',
      'activity-completed',
      'activity-scheduled',
      'activity-completed',
      'cancel-requested',
      'update-accepted',
      'ended',
    ]);
    expect(facts[3]).toMatchObject({ eventId: model, activity: 'callModel', input: { seq: 0, turn: 1 } });
    expect(facts[4]).toMatchObject({ scheduledId: model, result: { stop: 'calls', preview: 'a thought' } });
    expect(facts[0]).toMatchObject({ continued: false, atMs: Date.parse('2026-11-24T00:00:01.500Z') });
    expect(facts.at(-1)).toMatchObject({ how: 'completed', result: { outcome: 'answered' }, failure: null });
  });

  it('activities that close without a result: → failed, with a type and a message', () => {
    const history = createHistory().started({ carry: null });
    const failed = history.scheduled('callTool', { seq: 1 });
    const late = history.scheduled('callTool', { seq: 2 });
    const cut = history.scheduled('callTool', { seq: 3 });
    history.failed(failed, 'Tool.Timeout', 'too slow').timedOut(late).cancelledActivity(cut);
    expect(toHistoryFacts(history.events).slice(4)).toMatchObject([
      { type: 'activity-failed', scheduledId: failed, failure: { type: 'Tool.Timeout', message: 'too slow' } },
      { type: 'activity-failed', scheduledId: late, failure: { type: 'Step.TimedOut' } },
      { type: 'activity-failed', scheduledId: cut, failure: { type: 'Run.Cancelled' } },
    ]);
  });

  it.each([
    [
      'failed',
      () => createHistory().failedRun('Storage.Corrupt', 'damaged'),
      { type: 'Storage.Corrupt', message: 'damaged' },
    ],
    ['cancelled', () => createHistory().cancelledRun(), null],
    ['terminated', () => createHistory().terminated(), null],
  ] as const)('end %s: → told as such', (how, build, failure) => {
    expect(toHistoryFacts(build().events)).toMatchObject([{ type: 'ended', how, failure }]);
  });

  it('the seam of a continue-as-new: → gives no event, and names where it goes on', () => {
    const first = createHistory().started({ carry: null });
    first.completed(first.scheduled('callModel', { seq: 0, turn: 1 }), aModelReceipt()).continuedAsNew('second');
    const second = createHistory().started({ carry: { nextEvent: 3 } }, 'first');
    second.completed(second.scheduled('callModel', { seq: 1, turn: 2 }), aModelReceipt());
    expect(toNextExecution(first.events.at(-1))).toBe('second');
    expect(toNextExecution(second.events.at(-1))).toBeNull();
    const before = projectEvents(toHistoryFacts(first.events), 0);
    const after = projectEvents(toHistoryFacts(second.events), before.nextNumber);
    expect(before.events.map(({ type }) => type)).toEqual(['run.started', 'step.started', 'step.completed']);
    expect(before.nextNumber).toBe(3);
    expect(after.events.map(({ seq, type }) => [seq, type])).toEqual([
      [3, 'step.started'],
      [4, 'step.completed'],
    ]);
  });
});

import { describe, expect, it } from 'vitest';
import { type HistoryFact, isEligible, projectEvents, terminalEventTypes } from '../../domain/events.ts';
import { createRandom } from '../support/random.ts';

const atMs = 1_000;
const scheduled = (eventId: number, activity: string, input: unknown = {}): HistoryFact => ({
  type: 'activity-scheduled',
  atMs,
  eventId,
  activity,
  input,
});
const completed = (scheduledId: number, result: unknown): HistoryFact => ({
  type: 'activity-completed',
  atMs,
  scheduledId,
  result,
});
const failed = (scheduledId: number): HistoryFact => ({
  type: 'activity-failed',
  atMs,
  scheduledId,
  failure: { type: 'Tool.Failed', message: 'no' },
});
const ended = (change: Partial<Extract<HistoryFact, { type: 'ended' }>> = {}): HistoryFact => ({
  type: 'ended',
  atMs,
  how: 'completed',
  result: null,
  failure: null,
  ...change,
});

const aRun: HistoryFact[] = [
  { type: 'started', atMs, continued: false },
  scheduled(5, 'openRun', { tenant: 'default' }),
  completed(5, { facts: {} }),
  scheduled(11, 'callModel', { seq: 0, turn: 1, purpose: 'turn', head: 'h' }),
  completed(11, { preview: 'hi', stop: 'calls' }),
  scheduled(17, 'callTool', { seq: 1, turn: 1, tool: 'echo', modelSeq: 0, callIndex: 0 }),
  scheduled(18, 'callTool', { seq: 2, turn: 1, tool: 'fail', modelSeq: 0, callIndex: 1 }),
  failed(18),
  scheduled(20, 'closeStep', { seq: 2, turn: 1, kind: 'tool' }),
  completed(17, { preview: 'echo' }),
  completed(20, { recordDigest: 'd' }),
  { type: 'continued', atMs },
  { type: 'started', atMs, continued: true },
  { type: 'update-accepted', input: undefined, atMs, name: 'steer' },
  { type: 'cancel-requested', atMs },
  ended({ how: 'cancelled' }),
];

describe('the projection', () => {
  it('a run: one event for each eligible fact, numbered densely', () => {
    const { events, nextNumber, open } = projectEvents(aRun, 0);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index));
    expect(nextNumber).toBe(aRun.length - 2);
    expect(events).toHaveLength(aRun.filter(isEligible).length);
    expect(open.size).toBe(0);
    expect(events.map((event) => event.type)).toEqual([
      'run.started',
      'system.started',
      'system.completed',
      'step.started',
      'step.completed',
      'step.started',
      'step.started',
      'step.failed',
      'step.started',
      'step.completed',
      'step.completed',
      'message.received',
      'run.cancel_requested',
      'run.cancelled',
    ]);
  });

  it('what closes an activity: carries the facts of its beginning, whatever lies between', () => {
    const { events } = projectEvents(aRun, 0);
    expect(events[4]?.data).toEqual({ kind: 'model', seq: 0, turn: 1, purpose: 'turn', preview: 'hi', stop: 'calls' });
    expect(events[7]?.data).toMatchObject({ kind: 'tool', seq: 2, tool: 'fail', failure: { type: 'Tool.Failed' } });
    expect(events[9]?.data).toMatchObject({ seq: 1, tool: 'echo', preview: 'echo' });
    expect(events[10]?.data).toMatchObject({ kind: 'tool', seq: 2, recordDigest: 'd' });
    expect(events[3]?.data).not.toHaveProperty('head');
  });

  it('read in pages of any size: the same events as at once', () => {
    const whole = projectEvents(aRun, 7);
    const random = createRandom(3);
    for (let round = 0; round < 50; round += 1) {
      const events = [];
      let number = 7;
      let open = projectEvents([], 0).open;
      for (let from = 0; from < aRun.length;) {
        const size = random.between(1, 5);
        const page = projectEvents(aRun.slice(from, from + size), number, open);
        events.push(...page.events);
        ({ nextNumber: number, open } = page);
        from += size;
      }
      expect(events).toEqual(whole.events);
      expect(number).toBe(whole.nextNumber);
    }
  });

  it('a page: leaves what it was given as it was', () => {
    const { open } = projectEvents([scheduled(5, 'callModel', { seq: 0 })], 0);
    projectEvents([completed(5, {})], 1, open);
    expect(open.size).toBe(1);
  });

  it.each([
    ['answered', ended({ result: { outcome: 'answered' } }), 'run.completed'],
    ['abstained', ended({ result: { outcome: 'abstained' } }), 'run.incomplete'],
    ['out of budget', ended({ result: { outcome: 'budget_exhausted' } }), 'run.incomplete'],
    ['without a result', ended(), 'run.incomplete'],
    ['failed', ended({ how: 'failed', failure: { type: 'Model.Auth', message: 'no' } }), 'run.failed'],
    ['cancelled', ended({ how: 'cancelled' }), 'run.cancelled'],
    ['terminated', ended({ how: 'terminated' }), 'run.failed'],
    ['out of time', ended({ how: 'timed_out' }), 'run.failed'],
  ])('an end, %s → one terminal event', (_, fact, type) => {
    const [event] = projectEvents([fact], 0).events;
    expect(event?.type).toBe(type);
    expect(terminalEventTypes.has(type)).toBe(true);
  });

  it('a failure of the engine: said in words', () => {
    const [event] = projectEvents([ended({ how: 'terminated' })], 0).events;
    expect(event?.data).toMatchObject({ outcome: 'failed', failure: { type: 'terminated' } });
  });

  it.each([undefined, null, 'text', 5, []])(
    'an activity with %j as input and result: an event all the same',
    (value) => {
      const { events } = projectEvents(
        [scheduled(1, 'callModel', value), completed(1, value), completed(99, value)],
        0,
      );
      expect(events.map((event) => event.type)).toEqual(['step.started', 'step.completed', 'system.completed']);
    },
  );
});

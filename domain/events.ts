/** A history event of the engine, reduced to what the projection needs; everything else of the engine is left behind. */
export type HistoryFact =
  | { readonly type: 'started'; readonly atMs: number; readonly continued: boolean }
  | {
      readonly type: 'activity-scheduled';
      readonly atMs: number;
      readonly eventId: number;
      readonly activity: string;
      readonly input: unknown;
    }
  | {
      readonly type: 'activity-completed';
      readonly atMs: number;
      readonly scheduledId: number;
      readonly result: unknown;
    }
  | {
      readonly type: 'activity-failed';
      readonly atMs: number;
      readonly scheduledId: number;
      readonly failure: { readonly type: string; readonly message: string };
    }
  | { readonly type: 'cancel-requested'; readonly atMs: number }
  | { readonly type: 'update-accepted'; readonly atMs: number; readonly name: string; readonly input: unknown }
  | {
      readonly type: 'ended';
      readonly atMs: number;
      readonly how: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timed_out';
      readonly result: unknown;
      readonly failure: { readonly type: string; readonly message: string } | null;
    }
  | { readonly type: 'continued'; readonly atMs: number };

/** An event of ours: one for each eligible history event, numbered densely over the whole chain. */
export interface RunEvent {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What is known of an activity when it was scheduled, for the event that closes it. */
export type OpenActivities = ReadonlyMap<number, { readonly subject: string; readonly data: Record<string, unknown> }>;

const stepActivities: ReadonlySet<string> = new Set(['callModel', 'callTool', 'closeStep', 'recordMessage']);

/** Facts of an activity's input that an event shows; texts never travel in inputs. */
function describeInput(activity: string, input: unknown): Record<string, unknown> {
  if (typeof input !== 'object' || input === null) return { activity };
  const shown = ['seq', 'turn', 'purpose', 'tool', 'modelSeq', 'callIndex'] as const;
  const facts: Record<string, unknown> = stepActivities.has(activity) ? {} : { activity };
  if (activity === 'callModel') facts['kind'] = 'model';
  else if (activity === 'recordMessage') facts['kind'] = 'message';
  else if (stepActivities.has(activity)) facts['kind'] = 'kind' in input ? input.kind : 'tool';
  for (const key of shown) {
    if (key in input) facts[key] = Object.entries(input).find(([name]) => name === key)?.[1];
  }
  return facts;
}

function toRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** Does this history event have an event of ours? The workflow counts by the same rule. */
export function isEligible(fact: HistoryFact): boolean {
  if (fact.type === 'started') return !fact.continued;
  return fact.type !== 'continued';
}

/** The projection's result: events, the next free number, and the activities still open. */
export interface Projection {
  readonly events: RunEvent[];
  readonly nextNumber: number;
  readonly open: OpenActivities;
}

/**
 * Maps history events to events of ours, one for one, dense, from `firstNumber` on.
 *
 * Pure, and resumable: `open` of one page is given to the next, so that a completion finds what was scheduled before it.
 */
export function projectEvents(
  facts: readonly HistoryFact[],
  firstNumber: number,
  open: OpenActivities = new Map(),
): Projection {
  const known = new Map(open);
  const events: RunEvent[] = [];
  let number = firstNumber;
  for (const fact of facts) {
    if (!isEligible(fact)) continue;
    const { type, data } = projectFact(fact, known);
    events.push({ seq: number, type, atMs: fact.atMs, data });
    number += 1;
  }
  return { events, nextNumber: number, open: known };
}

type Known = Map<number, { readonly subject: string; readonly data: Record<string, unknown> }>;

function projectFact(fact: HistoryFact, known: Known): Pick<RunEvent, 'type' | 'data'> {
  if (fact.type === 'activity-scheduled') {
    const subject = stepActivities.has(fact.activity) ? 'step' : 'system';
    const data = describeInput(fact.activity, fact.input);
    known.set(fact.eventId, { subject, data });
    return { type: `${subject}.started`, data };
  }
  if (fact.type === 'activity-completed' || fact.type === 'activity-failed') return projectClosed(fact, known);
  if (fact.type === 'ended') return projectEnd(fact);
  if (fact.type === 'update-accepted') return projectHold(fact);
  return { type: fact.type === 'cancel-requested' ? 'run.cancel_requested' : 'run.started', data: {} };
}

/** What a hold is called once it is taken. */
const holdEvents: Readonly<Record<string, string>> = {
  pause: 'run.paused',
  resume: 'run.resumed',
  finalize: 'run.finalizing',
  steer: 'message.received',
  budget: 'budget.raised',
};

const stepEvents: Readonly<Record<string, string>> = {
  retry: 'step.retried',
  skip: 'step.skipped',
  edit: 'step.edited',
  approve: 'step.approved',
  deny: 'step.denied',
};

/** A hold shows who and why, and what of it is no text: texts are blobs. */
function projectHold({
  name,
  input,
}: Extract<HistoryFact, { type: 'update-accepted' }>): Pick<RunEvent, 'type' | 'data'> {
  const { type: _type, action, digest: _digest, tokens: _tokens, ...data } = toRecord(input);
  const type = name === 'step' ? stepEvents[String(action)] : holdEvents[name];
  return type === undefined ? { type: 'message.received', data: { name } } : { type, data };
}

function projectClosed(
  fact: Extract<HistoryFact, { scheduledId: number }>,
  known: Known,
): Pick<RunEvent, 'type' | 'data'> {
  const opened = known.get(fact.scheduledId);
  known.delete(fact.scheduledId);
  const subject = opened?.subject ?? 'system';
  if (fact.type === 'activity-failed') {
    return { type: `${subject}.failed`, data: { ...opened?.data, failure: fact.failure } };
  }
  return { type: `${subject}.completed`, data: { ...opened?.data, ...toRecord(fact.result) } };
}

function projectEnd(fact: Extract<HistoryFact, { type: 'ended' }>): Pick<RunEvent, 'type' | 'data'> {
  const result = toRecord(fact.result);
  if (fact.how === 'completed') {
    return { type: result['outcome'] === 'answered' ? 'run.completed' : 'run.incomplete', data: result };
  }
  if (fact.how === 'cancelled') return { type: 'run.cancelled', data: { outcome: 'cancelled' } };
  const failure = fact.failure ?? { type: fact.how, message: `the engine ended the run: ${fact.how}` };
  return { type: 'run.failed', data: { outcome: 'failed', failure } };
}

/** The types after which no event of the run follows. */
export const terminalEventTypes: ReadonlySet<string> = new Set([
  'run.completed',
  'run.incomplete',
  'run.cancelled',
  'run.failed',
]);

import type { HistoryFact } from '../../domain/events.ts';
import type { EngineEvent } from '../ports.ts';
import { decodeFirst, toFailure, toMs } from './decode.ts';

type Fact<T extends HistoryFact['type']> = Extract<HistoryFact, { type: T }>;

/** The id of an event in its execution. */
export function toEventId(event: EngineEvent): number {
  return toId(event.eventId);
}

/**
 * The engine's events as facts of ours, in order; events that are no fact of a run (decisions, timers, markers, index updates)
 * are left out.
 */
export function toHistoryFacts(events: readonly EngineEvent[]): HistoryFact[] {
  return events.flatMap((event) => {
    const atMs = toMs(event.eventTime) ?? 0;
    const fact = toActivityFact(event, atMs) ?? toRunFact(event, atMs) ?? toEndFact(event, atMs);
    return fact === null ? [] : [fact];
  });
}

/** The execution that goes on where this one ended; null unless the last event hands over to it. */
export function toNextExecution(event: EngineEvent | undefined): string | null {
  return event?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
}

function toActivityFact(event: EngineEvent, atMs: number): HistoryFact | null {
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled) {
    return {
      type: 'activity-scheduled',
      atMs,
      eventId: toEventId(event),
      activity: scheduled.activityType?.name ?? '',
      input: decodeFirst(scheduled.input),
    };
  }
  const completed = event.activityTaskCompletedEventAttributes;
  if (completed) {
    return {
      type: 'activity-completed',
      atMs,
      scheduledId: toId(completed.scheduledEventId),
      result: decodeFirst(completed.result),
    };
  }
  return toActivityFailure(event, atMs);
}

/** An activity that closed without a result: failed, out of time, or cancelled. */
function toActivityFailure(event: EngineEvent, atMs: number): Fact<'activity-failed'> | null {
  const failed = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
  if (failed) {
    return {
      type: 'activity-failed',
      atMs,
      scheduledId: toId(failed.scheduledEventId),
      failure: toFailure(failed.failure),
    };
  }
  const cancelled = event.activityTaskCanceledEventAttributes;
  if (!cancelled) return null;
  const failure = { type: 'Run.Cancelled', message: 'the step was cancelled' };
  return { type: 'activity-failed', atMs, scheduledId: toId(cancelled.scheduledEventId), failure };
}

function toRunFact(event: EngineEvent, atMs: number): HistoryFact | null {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) return { type: 'started', atMs, continued: Boolean(started.continuedExecutionRunId) };
  if (event.workflowExecutionContinuedAsNewEventAttributes) return { type: 'continued', atMs };
  if (event.workflowExecutionCancelRequestedEventAttributes) return { type: 'cancel-requested', atMs };
  const update = event.workflowExecutionUpdateAcceptedEventAttributes;
  if (update) {
    const asked = update.acceptedRequest?.input;
    return { type: 'update-accepted', atMs, name: asked?.name ?? '', input: decodeFirst(asked?.args) };
  }
  return null;
}

function toEndFact(event: EngineEvent, atMs: number): Fact<'ended'> | null {
  const end = (how: Fact<'ended'>['how'], more: Partial<Fact<'ended'>> = {}): Fact<'ended'> => ({
    type: 'ended',
    atMs,
    how,
    result: null,
    failure: null,
    ...more,
  });
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) return end('completed', { result: decodeFirst(completed.result) ?? null });
  const failed = event.workflowExecutionFailedEventAttributes;
  if (failed) return end('failed', { failure: toFailure(failed.failure) });
  if (event.workflowExecutionCanceledEventAttributes) return end('cancelled');
  if (event.workflowExecutionTerminatedEventAttributes) return end('terminated');
  return event.workflowExecutionTimedOutEventAttributes ? end('timed_out') : null;
}

function toId(value: EngineEvent['eventId']): number {
  return Number(String(value ?? 0));
}

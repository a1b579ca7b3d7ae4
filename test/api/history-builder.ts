import { defaultPayloadConverter } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { EngineEvent } from '../../api/ports.ts';

const payloads = (value: unknown) => ({ payloads: [defaultPayloadConverter.toPayload(value)] });
const { HistoryEvent } = proto.temporal.api.history.v1;
const startMs = Date.parse('2026-11-24T00:00:00.000Z');

/** Builds one execution's history by hand, event by event, as the engine would send it. */
export function createHistory() {
  const events: EngineEvent[] = [];
  const add = (attributes: object): number => {
    const eventId = events.length + 1;
    const seconds = Math.floor(startMs / 1_000) + eventId;
    events.push(HistoryEvent.fromObject({ eventId, eventTime: { seconds, nanos: 5e8 }, ...attributes }));
    return eventId;
  };
  const builder = {
    events,
    started: (input: object, continuedFrom = '') => {
      add({
        workflowExecutionStartedEventAttributes: { continuedExecutionRunId: continuedFrom, input: payloads(input) },
      });
      return builder;
    },
    /** Decisions of the workflow: no event of ours. */
    decided: () => {
      add({ workflowTaskScheduledEventAttributes: {} });
      add({ workflowTaskStartedEventAttributes: {} });
      add({ workflowTaskCompletedEventAttributes: {} });
      return builder;
    },
    scheduled: (activity: string, input: object, queue = 'model') =>
      add({
        activityTaskScheduledEventAttributes: {
          activityType: { name: activity },
          taskQueue: { name: queue },
          input: payloads(input),
        },
      }),
    completed: (scheduledEventId: number, result: unknown) => {
      add({ activityTaskStartedEventAttributes: {} });
      add({
        activityTaskCompletedEventAttributes: { scheduledEventId, result: payloads(result) },
      });
      return builder;
    },
    failed: (scheduledEventId: number, type: string, message: string) => {
      add({
        activityTaskFailedEventAttributes: {
          scheduledEventId,
          failure: { message, applicationFailureInfo: { type } },
        },
      });
      return builder;
    },
    timedOut: (scheduledEventId: number) => {
      add({
        activityTaskTimedOutEventAttributes: {
          scheduledEventId,
          failure: { message: 'activity ScheduleToClose timeout', timeoutFailureInfo: {} },
        },
      });
      return builder;
    },
    cancelledActivity: (scheduledEventId: number) => {
      add({ activityTaskCanceledEventAttributes: { scheduledEventId } });
      return builder;
    },
    upserted: () => {
      add({ upsertWorkflowSearchAttributesEventAttributes: {} });
      return builder;
    },
    cancelRequested: () => {
      add({ workflowExecutionCancelRequestedEventAttributes: {} });
      return builder;
    },
    updateAccepted: (name: string) => {
      add({ workflowExecutionUpdateAcceptedEventAttributes: { acceptedRequest: { input: { name } } } });
      return builder;
    },
    continuedAsNew: (newExecutionRunId: string) => {
      add({ workflowExecutionContinuedAsNewEventAttributes: { newExecutionRunId } });
      return builder;
    },
    done: (result: unknown) => {
      add({ workflowExecutionCompletedEventAttributes: { result: payloads(result) } });
      return builder;
    },
    failedRun: (type: string, message: string) => {
      add({ workflowExecutionFailedEventAttributes: { failure: { message, applicationFailureInfo: { type } } } });
      return builder;
    },
    cancelledRun: () => {
      add({ workflowExecutionCanceledEventAttributes: {} });
      return builder;
    },
    terminated: () => {
      add({ workflowExecutionTerminatedEventAttributes: {} });
      return builder;
    },
  };
  return builder;
}

/** A receipt of a model step. */
export const aModelReceipt = (change: object = {}) => ({
  recordDigest: 'a'.repeat(64),
  contentTokens: 10,
  usage: { inputTokens: 100, outputTokens: 20, cachedTokens: 50 },
  costMicroUsd: 7,
  stop: 'calls',
  calls: [{ tool: 'echo', pool: 'tools', callIndex: 0 }],
  boxed: false,
  preview: 'a thought',
  ...change,
});

/** A receipt of a tool step. */
export const aToolReceipt = (change: object = {}) => ({
  recordDigest: 'b'.repeat(64),
  contentTokens: 5,
  usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
  costMicroUsd: 0,
  status: 'ok',
  preview: 'an observation',
  ...change,
});

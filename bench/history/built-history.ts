import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import type { History } from '../support/histories.ts';

const taskQueue = { name: 'bare', kind: 'TASK_QUEUE_KIND_NORMAL' };
const identity = 'built';
const firstSecondMs = 1_760_000_000_000;

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** A value as the JSON converter stores it, in the JSON form of the engine's protocol. */
function toPayload(value: unknown): object {
  return { metadata: { encoding: toBase64('json/plain') }, data: toBase64(JSON.stringify(value)) };
}

/** Adds events with rising ids and times. */
class HistoryBuilder {
  readonly events: object[] = [];

  /** Returns the event's id. */
  add(type: string, attributes: object): string {
    const eventId = String(this.events.length + 1);
    const eventTime = new Date(firstSecondMs + 10 * this.events.length).toISOString();
    const name = type.toLowerCase().replaceAll(/_(\w)/gu, (_, letter: string) => letter.toUpperCase());
    this.events.push({ eventId, eventTime, eventType: `EVENT_TYPE_${type}`, [`${name}EventAttributes`]: attributes });
    return eventId;
  }

  /** Scheduled, started, completed; returns the id of the last. */
  addWorkflowTask(): string {
    const scheduledEventId = this.add('WORKFLOW_TASK_SCHEDULED', { taskQueue, startToCloseTimeout: '10s', attempt: 1 });
    const requestId = `request-${scheduledEventId}`;
    const startedEventId = this.add('WORKFLOW_TASK_STARTED', { scheduledEventId, identity, requestId });
    return this.add('WORKFLOW_TASK_COMPLETED', { scheduledEventId, startedEventId, identity });
  }

  /** Scheduled, started, completed. */
  addActivity(
    call: { readonly name: string; readonly number: number; readonly input: number },
    workflowTaskCompletedEventId: string,
  ): void {
    const scheduledEventId = this.add('ACTIVITY_TASK_SCHEDULED', {
      activityId: String(call.number),
      activityType: { name: call.name },
      taskQueue,
      input: { payloads: [toPayload(call.input)] },
      startToCloseTimeout: '60s',
      workflowTaskCompletedEventId,
    });
    const startedEventId = this.add('ACTIVITY_TASK_STARTED', { scheduledEventId, identity, attempt: 1 });
    const result = { payloads: [toPayload('x'.repeat(100))] };
    this.add('ACTIVITY_TASK_COMPLETED', { result, scheduledEventId, startedEventId, identity });
  }
}

/** The history of `bareLoop` over `turns` turns, as a server would have written it: 12 events a turn and 5 more. */
export function buildBareHistory(turns: number): History {
  const builder = new HistoryBuilder();
  builder.add('WORKFLOW_EXECUTION_STARTED', {
    workflowType: { name: 'bareLoop' },
    taskQueue,
    input: { payloads: [toPayload(turns)] },
    originalExecutionRunId: 'built-run',
    firstExecutionRunId: 'built-run',
    workflowTaskTimeout: '10s',
    attempt: 1,
    identity,
  });
  let decided = builder.addWorkflowTask();
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [index, name] of ['model', 'tool'].entries()) {
      builder.addActivity({ name, number: 2 * turn + index + 1, input: turn }, decided);
      decided = builder.addWorkflowTask();
    }
  }
  builder.add('WORKFLOW_EXECUTION_COMPLETED', { workflowTaskCompletedEventId: decided });
  return historyFromJSON({ events: builder.events });
}

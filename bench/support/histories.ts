import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';

const { EventType } = proto.temporal.api.enums.v1;
const { History: HistoryMessage } = proto.temporal.api.history.v1;

export type History = proto.temporal.api.history.v1.IHistory;
type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;

/** One execution of a run's chain. */
export interface Execution {
  readonly executionId: string;
  readonly history: History;
}

/** The histories of all executions of a run, first to last. */
export async function readChain(
  client: Client,
  run: { readonly workflowId: string; readonly firstExecutionId: string },
): Promise<Execution[]> {
  const chain: Execution[] = [];
  for (let executionId: string | null = run.firstExecutionId; executionId !== null;) {
    const history: History = await client.workflow.getHandle(run.workflowId, executionId).fetchHistory();
    chain.push({ executionId, history });
    const last: HistoryEvent | undefined = history.events?.at(-1);
    executionId = last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
  }
  return chain;
}

export function countEvents({ history }: Execution): number {
  return history.events?.length ?? 0;
}

/** Bytes of the history as the engine's protocol writes it. */
export function measureBytes({ history }: Execution): number {
  return HistoryMessage.encode(history).finish().length;
}

/** Bytes of every result that a step's activity left in history. */
export function measureReceipts(chain: readonly Execution[], activityTypes: ReadonlySet<string>): number[] {
  return chain.flatMap(({ history }) => {
    const scheduled = new Map<string, string>();
    const sizes: number[] = [];
    for (const event of history.events ?? []) {
      const started = event.activityTaskScheduledEventAttributes;
      if (started) scheduled.set(String(event.eventId), started.activityType?.name ?? '');
      const completed = event.activityTaskCompletedEventAttributes;
      if (!completed || !activityTypes.has(scheduled.get(String(completed.scheduledEventId)) ?? '')) continue;
      sizes.push((completed.result?.payloads ?? []).reduce((sum, payload) => sum + (payload.data?.length ?? 0), 0));
    }
    return sizes;
  });
}

/** An activity that the workflow asked for. */
export interface ScheduledActivity {
  readonly type: string;
  readonly scheduledAtMs: number;
  /** Identity of the worker whose decision asked for it. */
  readonly decidedBy: string;
}

/** Every activity of a chain with the worker that decided on it, in order. */
export function listScheduled(chain: readonly Execution[]): ScheduledActivity[] {
  return chain.flatMap(({ history }) => {
    const events = history.events ?? [];
    const deciders = new Map<string, string>();
    const scheduled: ScheduledActivity[] = [];
    for (const event of events) {
      const decided = event.workflowTaskCompletedEventAttributes;
      if (decided) deciders.set(String(event.eventId), decided.identity ?? '');
      const activity = event.activityTaskScheduledEventAttributes;
      if (event.eventType !== EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED || !activity) continue;
      scheduled.push({
        type: activity.activityType?.name ?? '',
        scheduledAtMs: toMs(event.eventTime),
        decidedBy: deciders.get(String(activity.workflowTaskCompletedEventId)) ?? '',
      });
    }
    return scheduled;
  });
}

function toMs(time: HistoryEvent['eventTime']): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}

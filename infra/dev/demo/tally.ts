import type { Client } from '@temporalio/client';

/** A request in a server's log. */
export interface LoggedRequest {
  /** `Idempotency-Key` of the request: the key of its step. */
  readonly stepKey: string | null;
  readonly atMs: number;
}

/** A step as it was recorded. */
export interface RecordedSlot {
  /** Null for a slot that was closed without a request. */
  readonly stepKey: string | null;
  /** When its work was done, just before its record was written. */
  readonly endedAtMs: number;
}

/** A page that is too long is asked about again under the step's key and a number: still the same slot. */
function toSlotKey(stepKey: string): string {
  return stepKey.slice(0, 64);
}

/** Requests whose slot had its result already when they arrived: work that was paid for twice. */
export function countRepeated(requests: readonly LoggedRequest[], slots: readonly RecordedSlot[]): number {
  const endOf = new Map(slots.map((slot) => [slot.stepKey, slot.endedAtMs]));
  return requests.filter((request) => {
    const endedAtMs = request.stepKey === null ? undefined : endOf.get(toSlotKey(request.stepKey));
    return endedAtMs !== undefined && request.atMs > endedAtMs;
  }).length;
}

/** Requests that no step of the run accounts for. */
export function countUnknown(requests: readonly LoggedRequest[], slots: readonly RecordedSlot[]): number {
  const known = new Set(slots.map((slot) => slot.stepKey));
  return requests.filter((request) => request.stepKey === null || !known.has(toSlotKey(request.stepKey))).length;
}

/** An attempt of an activity as the engine wrote it down. */
export interface StartedAttempt {
  readonly attempt: number;
  readonly lastFailureType: string | null;
}

/** Attempts that ended because their worker was killed. */
export function countInterrupted(started: readonly StartedAttempt[]): number {
  return started
    .filter((entry) => entry.attempt > 1 && entry.lastFailureType === 'Worker.Died')
    .reduce((sum, entry) => sum + entry.attempt - 1, 0);
}

/** Every activity's last attempt, over the whole chain of the run's executions. */
export async function readStartedAttempts(client: Client, workflowId: string): Promise<StartedAttempt[]> {
  const latest = await client.workflow.getHandle(workflowId).describe();
  const attempts: StartedAttempt[] = [];
  let runId: string | null = latest.raw.workflowExecutionInfo?.firstRunId ?? latest.runId;
  while (runId !== null) {
    const events: readonly HistoryEvent[] = (await fetchHistory(client, workflowId, runId)).events ?? [];
    attempts.push(...events.flatMap(toStartedAttempt));
    runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
  }
  return attempts;
}

function fetchHistory(client: Client, workflowId: string, runId: string) {
  return client.workflow.getHandle(workflowId, runId).fetchHistory();
}

type HistoryEvent = NonNullable<Awaited<ReturnType<typeof fetchHistory>>['events']>[number];

function toStartedAttempt({ activityTaskStartedEventAttributes: started }: HistoryEvent): StartedAttempt[] {
  if (started == null) return [];
  const lastFailureType = started.lastFailure?.applicationFailureInfo?.type ?? null;
  return [{ attempt: started.attempt ?? 1, lastFailureType }];
}

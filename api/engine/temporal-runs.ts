import proto, { type temporal } from '@temporalio/proto';
import { AppError } from '../../domain/errors.ts';
import { fromWorkflowId, toWorkflowId } from '../../domain/ids.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { decodeFirst, decodePayload, toFailure, toMs } from '../events/decode.ts';
import type { EngineRun, ExecutionStatus, ListedRun, ListRequest, PendingActivity } from '../ports.ts';

type Info = temporal.api.workflow.v1.IWorkflowExecutionInfo;
type Description = temporal.api.workflowservice.v1.IDescribeWorkflowExecutionResponse;
type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

const { WorkflowExecutionStatus, PendingActivityState, PendingWorkflowTaskState } = proto.temporal.api.enums.v1;

const statuses = new Map<number, ExecutionStatus>([
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING, 'running'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED, 'running'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED, 'completed'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED, 'failed'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED, 'cancelled'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED, 'terminated'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, 'timed_out'],
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, 'continued'],
]);

function toStatus(info: Info): ExecutionStatus {
  return statuses.get(info.status ?? 0) ?? 'running';
}

function toQuestion(info: Info): string | null {
  const question = decodePayload(info.memo?.fields?.['question']);
  return typeof question === 'string' ? question : null;
}

function toText(info: Info, key: { readonly name: string }): string | null {
  const value = decodePayload(info.searchAttributes?.indexedFields?.[key.name]);
  return typeof value === 'string' ? value : null;
}

/** What `DescribeWorkflowExecution` says, in our words. */
export function toEngineRun(description: Description): EngineRun {
  const info = description.workflowExecutionInfo;
  if (!info) throw new AppError('Internal.Bug', { what: 'the engine described a run without its facts' });
  const executionId = info.execution?.runId ?? '';
  const decision = description.pendingWorkflowTask;
  return {
    executionId,
    firstExecutionId: info.firstRunId || executionId,
    status: toStatus(info),
    startedAtMs: toMs(info.startTime) ?? 0,
    closedAtMs: toMs(info.closeTime),
    taskQueue: info.taskQueue ?? '',
    profile: toText(info, searchAttributes.profile),
    question: toQuestion(info),
    told: toText(info, searchAttributes.status),
    waitingFor: toText(info, searchAttributes.waitingFor),
    pending: (description.pendingActivities ?? []).map(toPending),
    decision: decision ? toDecision(decision) : null,
  };
}

function toDecision(decision: NonNullable<Description['pendingWorkflowTask']>): EngineRun['decision'] {
  return {
    scheduledAtMs: toMs(decision.scheduledTime) ?? toMs(decision.originalScheduledTime) ?? 0,
    isStarted: decision.state === PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED,
    attempt: decision.attempt ?? 1,
  };
}

function toPending(pending: Pending): PendingActivity {
  const isStarted = pending.state !== PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED;
  return {
    activity: pending.activityType?.name ?? '',
    state: isStarted ? 'started' : 'scheduled',
    attempt: pending.attempt ?? 1,
    scheduledAtMs: toMs(pending.scheduledTime),
    nextAttemptAtMs: toMs(pending.nextAttemptScheduleTime),
    lastFailure: pending.lastFailure ? toFailure(pending.lastFailure) : null,
    // A beat of an earlier attempt says nothing of one that has not begun.
    reportedWait: isStarted ? toReportedWait(decodeFirst(pending.heartbeatDetails)) : null,
    heartbeatAtMs: toMs(pending.lastHeartbeatTime),
    taskQueue: pending.activityOptions?.taskQueue?.name ?? null,
  };
}

function toReportedWait(details: unknown): string | null {
  if (typeof details !== 'object' || details === null || !('waitingFor' in details)) return null;
  return typeof details.waitingFor === 'string' ? details.waitingFor : null;
}

/** A row of the live index; null for a workflow that is no run. */
export function toListedRun(info: Info): ListedRun | null {
  const run = fromWorkflowId(info.execution?.workflowId ?? '');
  if (run === null) return null;
  const cost = decodePayload(info.searchAttributes?.indexedFields?.[searchAttributes.costMicroUsd.name]);
  return {
    runId: run.runId,
    execution: toStatus(info),
    status: toText(info, searchAttributes.status),
    outcome: toText(info, searchAttributes.outcome),
    profile: toText(info, searchAttributes.profile),
    question: toQuestion(info),
    costMicroUsd: typeof cost === 'number' ? cost : null,
    waitingFor: toText(info, searchAttributes.waitingFor),
    startedAtMs: toMs(info.startTime) ?? 0,
    closedAtMs: toMs(info.closeTime),
  };
}

/** Executions that were cut off by the engine keep the status that they last told; what they are now is told by the engine. */
const cutOff = "ExecutionStatus IN ('Terminated', 'TimedOut', 'Failed')";
const untold = "LonghaulStatus IN ('queued', 'in_progress', 'requires_action', 'paused')";
const live: ReadonlySet<string> = new Set(['queued', 'in_progress', 'requires_action', 'paused']);

function toStatusClause(status: string): string {
  if (status === 'failed') return `(LonghaulStatus = 'failed' OR (${untold} AND ${cutOff}))`;
  if (live.has(status)) {
    return `LonghaulStatus = '${status}' AND ExecutionStatus = 'Running'`;
  }
  return `LonghaulStatus = '${status}'`;
}

/** The visibility query of a list. Every value is of a closed alphabet: ids, tenant and status were checked before. */
export function toListQuery(request: ListRequest, workflowType: string): string {
  const { tenant, above, below, status } = request;
  return [
    `WorkflowType = '${workflowType}'`,
    `LonghaulTenant = '${tenant}'`,
    "ExecutionStatus != 'ContinuedAsNew'",
    `WorkflowId > '${toWorkflowId({ tenant, runId: above })}'`,
    `WorkflowId < '${toWorkflowId({ tenant, runId: below })}'`,
    ...(status === null ? [] : [toStatusClause(status)]),
  ].join(' AND ');
}

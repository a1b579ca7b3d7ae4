import {
  ApplicationFailure,
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import proto from '@temporalio/proto';
import { AppError } from '../../domain/errors.ts';
import { toWorkflowId } from '../../domain/ids.ts';
import { toRunPriority } from '../../domain/pool/priority.ts';
import { toTaskQueue } from '../../domain/receipt.ts';
import type { Hold } from '../../domain/holds.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { HoldAnswer, ResearchRun } from '../../workflows/contract.ts';
import { holdRefusedType, researchRunType } from '../../workflows/contract.ts';
import { isEngineAway, toGrpcStatus } from '../../workers/compose/engine-away.ts';
import { readHistoryChain } from '../../workers/compose/histories.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { toMs } from '../events/decode.ts';
import type { HistoryPage, HistoryRequest, RunEngine, StartRequest } from '../ports.ts';
import { toEngineRun, toListedRun, toListQuery } from './temporal-runs.ts';

/** Longest that a call may take before the engine counts as away: under the 5 s that a caller is promised. */
const callMs = 4_000;
/** Longest wait of one poll; the server answers after 20 s without news. */
const pollMs = 60_000;
/** A poll lasts up to a minute: a queue without one for longer has no worker. */
const recentPollMs = 70_000;
/** Code points of the question that the engine's own page shows. */
const summaryChars = 200;
/** *Source:* gRPC status codes. */
const grpcNotFound = 5;

/** The engine over a Temporal client. */
export function createTemporalEngine(ports: { readonly client: Client; readonly queuePrefix: string }): RunEngine {
  const { client } = ports;
  const { namespace } = client.options;
  const service = client.workflowService;
  return {
    start: (request) => start(ports, request),
    describe: (run) =>
      orNull(async () => {
        const execution = { workflowId: toWorkflowId(run) };
        return toEngineRun(await call(client, () => service.describeWorkflowExecution({ namespace, execution })));
      }),
    cancel: async (run) => {
      const workflowExecution = { workflowId: toWorkflowId(run) };
      const requestId = `cancel-${run.runId}`;
      const reason = 'asked for at the API';
      const asked = await orNull(() =>
        call(client, () =>
          service.requestCancelWorkflowExecution({ namespace, workflowExecution, requestId, reason, identity: 'api' }),
        ),
      );
      return asked !== null;
    },
    hold: (run, hold, updateId) => takeHold(client, run, { hold, updateId }),
    list: async (request) => {
      const query = toListQuery(request, researchRunType);
      const page = await call(client, () =>
        service.listWorkflowExecutions({ namespace, query, pageSize: request.maxRuns }),
      );
      const isComplete = (page.nextPageToken?.length ?? 0) === 0;
      return { runs: page.executions.flatMap((info) => toListedRun(info) ?? []), complete: isComplete };
    },
    readHistory: (request) => readHistory(client, request),
    readHistories: (run) => readHistories(client, run),
    lastPollAtMs: async (name, kind) => {
      const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;
      const taskQueueType = kind === 'workflow' ? TASK_QUEUE_TYPE_WORKFLOW : TASK_QUEUE_TYPE_ACTIVITY;
      const answer = await call(client, () =>
        service.describeTaskQueue({ namespace, taskQueue: { name }, taskQueueType }),
      );
      const latest = Math.max(0, ...answer.pollers.map((poller) => toMs(poller.lastAccessTime) ?? 0));
      return Date.now() - latest > recentPollMs ? null : latest;
    },
  };
}

async function start(
  { client, queuePrefix }: { readonly client: Client; readonly queuePrefix: string },
  { run, manifestDigest, profile, question, priorityClass }: StartRequest,
): Promise<string | null> {
  const shown = Array.from(question.slice(0, 2 * summaryChars))
    .slice(0, summaryChars)
    .join('');
  try {
    const handle = await call(client, () =>
      client.workflow.start<ResearchRun>(researchRunType, {
        workflowId: toWorkflowId(run),
        taskQueue: toTaskQueue(queuePrefix, 'orchestrator'),
        args: [{ ...run, manifestDigest, queuePrefix, carry: null }],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowTaskTimeout: '5s',
        priority: toRunPriority({ priorityClass, tenant: run.tenant }),
        staticSummary: shown,
        memo: { question: shown },
        typedSearchAttributes: [
          { key: searchAttributes.status, value: 'queued' },
          { key: searchAttributes.tenant, value: run.tenant },
          { key: searchAttributes.profile, value: profile },
        ],
      }),
    );
    return handle.firstExecutionRunId;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
    throw error;
  }
}

async function takeHold(
  client: Client,
  run: RunRef,
  { hold, updateId }: { readonly hold: Hold; readonly updateId: string },
): Promise<void> {
  const handle = client.workflow.getHandle(toWorkflowId(run));
  try {
    await call(client, () => handle.executeUpdate<HoldAnswer, [Hold]>(hold.type, { args: [hold], updateId }));
  } catch (error) {
    throw toHoldError(error);
  }
}

function toHoldError(error: unknown): unknown {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return away(error);
  if (error instanceof WorkflowNotFoundError) {
    return new AppError('Run.Ended', { what: 'the run has ended, so nothing can be changed', mend: endedMend });
  }
  const { cause } = error instanceof WorkflowUpdateFailedError ? error : { cause: null };
  if (!(cause instanceof ApplicationFailure) || cause.type !== holdRefusedType) return error;
  const rule: unknown = cause.details?.[0];
  return new AppError('Run.Conflict', { what: cause.message, ...(typeof rule === 'string' ? { rule } : {}) });
}

const endedMend = 'Fork it: POST …/fork with the step to begin at.';

async function* readHistories(client: Client, run: RunRef): AsyncGenerator<string, void, undefined> {
  try {
    for await (const { json } of readHistoryChain(client, run)) yield json;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return;
    throw toEngineError(error);
  }
}

async function readHistory(client: Client, request: HistoryRequest): Promise<HistoryPage> {
  const { run, executionId, pageToken, wait } = request;
  const answer = await call(
    client,
    () =>
      client.workflowService.getWorkflowExecutionHistory({
        namespace: client.options.namespace,
        execution: { workflowId: toWorkflowId(run), runId: executionId },
        waitNewEvent: wait,
        ...(pageToken === null ? {} : { nextPageToken: pageToken }),
      }),
    { signal: request.signal, limitMs: wait ? pollMs : callMs },
  );
  const token = answer.nextPageToken;
  return { events: answer.history?.events ?? [], nextPageToken: token && token.length > 0 ? token : null };
}

/** A call with a deadline, its failure in our words. */
async function call<T>(
  client: Client,
  send: () => Promise<T>,
  options: { readonly signal?: AbortSignal; readonly limitMs?: number } = {},
): Promise<T> {
  const { signal, limitMs = callMs } = options;
  const { connection } = client;
  const bounded = () => connection.withDeadline(Date.now() + limitMs, send);
  const answer = signal === undefined ? bounded() : connection.withAbortSignal(signal, bounded);
  try {
    return await inTime(answer, limitMs);
  } catch (error) {
    throw toEngineError(error);
  }
}

/** The client's own retries may outlast the deadline that they are given; who waits here does not. */
async function inTime<T>(answer: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(away(undefined)), limitMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function away(cause: unknown): AppError {
  return new AppError('Engine.Unavailable', {
    what: 'the engine does not answer',
    mend: 'Send the request again; with an Idempotency-Key a submit is not doubled.',
    retryAfterMs: 5_000,
    cause,
  });
}

function toEngineError(error: unknown): unknown {
  if (toGrpcStatus(error) === grpcNotFound) {
    return new AppError('Input.NotFound', { what: 'the engine does not know this run', cause: error });
  }
  return isEngineAway(error) ? away(error) : error;
}

async function orNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof AppError && error.type === 'Input.NotFound') return null;
    throw error;
  }
}

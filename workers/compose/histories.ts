import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';

/** One execution of a run's chain. */
export interface ExecutionHistory {
  readonly executionId: string;
  /** The engine's own JSON of the history: what a replay takes. */
  readonly json: string;
  /** Null at the end of the chain. */
  readonly nextExecutionId: string | null;
  /** Has the execution its last event? */
  readonly isClosed: boolean;
}

/**
 * The histories of a run, from its first execution to its last, whole.
 *
 * @throws `WorkflowNotFoundError` when the engine does not know the run (any more)
 */
export async function* readHistoryChain(
  client: Client,
  run: RunRef,
): AsyncGenerator<ExecutionHistory, void, undefined> {
  const workflowId = toWorkflowId(run);
  const { raw, runId } = await client.workflow.getHandle(workflowId).describe();
  let executionId: string | null = raw.workflowExecutionInfo?.firstRunId || runId;
  while (executionId !== null) {
    const history = await client.workflow.getHandle(workflowId, executionId).fetchHistory();
    const last = history.events?.at(-1);
    const nextExecutionId: string | null =
      last?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? null;
    // The engine's own JSON is indented over many lines.
    const json = JSON.stringify(JSON.parse(historyToJSON(history)));
    yield { executionId, json, nextExecutionId, isClosed: isLastEvent(last ?? {}) };
    executionId = nextExecutionId;
  }
}

const lastEvents = [
  'workflowExecutionCompletedEventAttributes',
  'workflowExecutionFailedEventAttributes',
  'workflowExecutionTimedOutEventAttributes',
  'workflowExecutionCanceledEventAttributes',
  'workflowExecutionTerminatedEventAttributes',
  'workflowExecutionContinuedAsNewEventAttributes',
] as const;

function isLastEvent(event: Partial<Record<(typeof lastEvents)[number], unknown>>): boolean {
  return lastEvents.some((name) => event[name] !== null && event[name] !== undefined);
}

import { type ActivityOptions, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { RunActivities } from '../activities/runs/contract.ts';
import type { SandboxActivities } from '../activities/sandbox/contract.ts';
import type { ModelActivities, ToolActivities } from '../activities/steps/contract.ts';
import { toEntryQueue } from '../domain/pool/lanes.ts';
import { toCallPriorityKey } from '../domain/pool/priority.ts';
import { type PoolName, type ToolPool } from '../domain/tools.ts';
import { toTaskQueue } from '../domain/receipt.ts';

/** How a step's activity is called: attempts are unlimited, its faults are counted in the activity, the wall limit bounds all. */
const retry = { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '15 seconds' } as const;

/** Longest attempt of a step, by pool, in milliseconds. */
const attemptMs = { model: 20 * 60_000, web: 5 * 60_000, sandbox: 15 * 60_000, tools: 20 * 60_000 } as const;

/** What a call of a step is told. */
export interface CallOptions {
  readonly queuePrefix: string;
  /** What is left of the run's time for all attempts of the step, in milliseconds. */
  readonly withinMs: number;
  /** One line for people who read the engine's own page. */
  readonly summary: string;
}

function stepOptions(pool: Exclude<PoolName, 'orchestrator'>, options: CallOptions): ActivityOptions {
  return {
    taskQueue: toTaskQueue(options.queuePrefix, pool),
    startToCloseTimeout: attemptMs[pool],
    scheduleToCloseTimeout: Math.max(1_000, options.withinMs),
    heartbeatTimeout: '25 seconds',
    retry,
    summary: options.summary,
  };
}

/** What a model call is told beside that. */
export interface ModelCallOptions extends CallOptions {
  /** The run's first one: it waits until the pool has room for another context. */
  readonly isEntry: boolean;
  /** The run is about to end. */
  readonly isNearEnd: boolean;
}

/** The engine's own default, the middle of 1 to 5. */
const defaultPriorityKey = 3;

/** The model pool. A run's priority comes with its start and holds for all of its tasks. */
export function modelPool(options: ModelCallOptions): ModelActivities {
  const { priority } = workflowInfo();
  const key = toCallPriorityKey(priority?.priorityKey ?? defaultPriorityKey, options.isNearEnd);
  return proxyActivities<ModelActivities>({
    ...stepOptions('model', options),
    ...(options.isEntry ? { taskQueue: toEntryQueue(options.queuePrefix) } : {}),
    priority: { ...priority, priorityKey: key },
  });
}

/** A pool that runs tools. */
export function toolPool(pool: ToolPool, options: CallOptions): ToolActivities {
  return proxyActivities<ToolActivities>(stepOptions(pool, options));
}

/** The run's own book-keeping: it waits for the store for as long as that takes. */
export function runPool(queuePrefix: string): RunActivities {
  return proxyActivities<RunActivities>({
    taskQueue: toTaskQueue(queuePrefix, 'orchestrator'),
    startToCloseTimeout: '5 minutes',
    heartbeatTimeout: '25 seconds',
    retry,
  });
}

/** The clean-up of sandboxes: tried for a short while, the reaper does the rest. */
export function sandboxPool(queuePrefix: string): SandboxActivities {
  return proxyActivities<SandboxActivities>({
    taskQueue: toTaskQueue(queuePrefix, 'sandbox'),
    startToCloseTimeout: '20 seconds',
    scheduleToCloseTimeout: '30 seconds',
    heartbeatTimeout: '10 seconds',
    retry: { ...retry, maximumAttempts: 3 },
  });
}

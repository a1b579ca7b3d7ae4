import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { type AppError, failures, toAppError } from '../../domain/errors.ts';
import type { StepScope } from './ports.ts';

/** Heartbeats carry the count of faults across attempts: they survive a killed worker. */
const heartbeatSchema = z.looseObject({ faults: z.int().min(0) });

/** Milliseconds between liveness beats; the first one also, so that a short step sends none. */
const beatEveryMs = 2_000;

/** *Source:* the engine's own default, the middle of 1 to 5. */
const defaultPriorityKey = 3;

/** How an activity is run. */
export interface ActivityOptions {
  /** Faults of its class after which a step fails for good; waiting for others is no fault. */
  readonly maxFaults: number;
}

/**
 * Runs an activity's body with heartbeats, cancellation and the failure table.
 *
 * *Contract:* whatever is thrown becomes an `ApplicationFailure` of a known type, or a `CancelledFailure`. Attempts are unlimited
 * on the engine's side; faults are counted here, so that a store or model that is away, a rate limit, a drain or a killed worker
 * uses up nothing.
 */
export async function runActivity<T>(options: ActivityOptions, body: (scope: StepScope) => Promise<T>): Promise<T> {
  const context = Context.current();
  const details = heartbeatSchema.safeParse(context.info.heartbeatDetails);
  const faults = details.success ? details.data.faults : 0;
  let waitingFor: string | null = null;
  const beat = () => context.heartbeat({ faults, waitingFor });
  const timer = setInterval(beat, beatEveryMs);
  try {
    return await body({
      signal: context.cancellationSignal,
      delivery: context.info.attempt,
      priorityKey: context.info.priority?.priorityKey ?? defaultPriorityKey,
      isLastFault: faults + 1 >= options.maxFaults,
      reportWaiting: (reason) => {
        if (reason === waitingFor) return;
        waitingFor = reason;
        beat();
      },
    });
  } catch (error) {
    if (context.cancellationSignal.aborted) throw toCancellation(context, error);
    const failure = toAppError(error);
    if (failures[failure.type].retry !== 'fault')
      throw toApplicationFailure(failure, failures[failure.type].retry === 'never');
    context.heartbeat({ faults: faults + 1, waitingFor: null });
    throw toApplicationFailure(failure, faults + 1 >= options.maxFaults);
  } finally {
    clearInterval(timer);
  }
}

/** A drain hands the step back uncounted; a real cancellation is told as such. */
function toCancellation(context: Context, error: unknown): Error {
  if (context.cancellationDetails?.workerShutdown === true) {
    return ApplicationFailure.create({
      type: 'Worker.Drained',
      message: 'the worker shut down before the step ended',
      nextRetryDelay: '1ms',
    });
  }
  return new CancelledFailure('the step was cancelled', [], error instanceof Error ? error : undefined);
}

/** The one mapper from our failures to the engine's. */
export function toApplicationFailure(failure: AppError, nonRetryable: boolean): ApplicationFailure {
  const { retryAfterMs } = failure.facts;
  return ApplicationFailure.create({
    type: failure.type,
    message: failure.message.slice(0, 1_500),
    nonRetryable,
    ...(failures[failure.type].retry === 'wait' ? { category: 'BENIGN' as const } : {}),
    ...(retryAfterMs === undefined ? {} : { nextRetryDelay: Math.max(1, retryAfterMs) }),
  });
}

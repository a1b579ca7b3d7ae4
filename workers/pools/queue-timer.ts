import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** Tells how long each task lay in its queue before this worker took it. */
export function createQueueTimer(note: (priority: number, seconds: number) => void): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: (input, next) => {
        const queuedMs = Math.max(0, Date.now() - info.currentAttemptScheduledTimestampMs);
        note(info.priority?.priorityKey ?? 3, queuedMs / 1_000);
        return next(input);
      },
    },
  });
}

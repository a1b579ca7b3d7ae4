import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { WorkerMessage } from './supervision.ts';

/** Ends travel with the next start, or after this long: a token too many at a death does no harm. */
const endDelayMs = 50;

/**
 * Tells the supervisor of every activity that starts and ends, so that it can fail those in flight if this process dies.
 *
 * A step is named without its attempt, so that one that kills its worker again and again is known as the same.
 */
export function createActivityTracker(send: (message: WorkerMessage) => void): ActivityInterceptorsFactory {
  let ended: string[] = [];
  let timer: NodeJS.Timeout | null = null;
  const flush = () => {
    timer = null;
    if (ended.length > 0) send({ type: 'activity-end', tokens: ended });
    ended = [];
  };
  return (context) => ({
    inbound: {
      execute: async (input, next) => {
        const { base64TaskToken: token, activityId, workflowExecution } = context.info;
        const execution =
          workflowExecution === undefined ? '' : `${workflowExecution.workflowId}/${workflowExecution.runId}`;
        send({ type: 'activity-start', token, step: `${execution}/${activityId}`, ended });
        ended = [];
        try {
          return await next(input);
        } finally {
          ended.push(token);
          timer ??= setTimeout(flush, endDelayMs);
        }
      },
    },
  });
}

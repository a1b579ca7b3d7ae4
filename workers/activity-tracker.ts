import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { WorkerMessage } from './supervision.ts';

/**
 * Tells the supervisor of every activity that starts and ends, so that it can fail those in flight if this process dies.
 *
 * A step is named without its attempt, so that one that kills its worker again and again is known as the same.
 */
export function createActivityTracker(send: (message: WorkerMessage) => void): ActivityInterceptorsFactory {
  return (context) => ({
    inbound: {
      execute: async (input, next) => {
        const { base64TaskToken: token, activityId, workflowExecution } = context.info;
        const execution =
          workflowExecution === undefined ? '' : `${workflowExecution.workflowId}/${workflowExecution.runId}`;
        send({ type: 'activity-start', token, step: `${execution}/${activityId}` });
        try {
          return await next(input);
        } finally {
          send({ type: 'activity-end', token });
        }
      },
    },
  });
}

import { MockActivityEnvironment } from '@temporalio/testing';
import { ActivityCancellationDetails, ApplicationFailure } from '@temporalio/common';

/** One attempt of an activity outside the engine. */
export function anAttempt(info: ConstructorParameters<typeof MockActivityEnvironment>[0] = {}) {
  const environment = new MockActivityEnvironment(info);
  const beats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => {
    beats.push(details);
  });
  return {
    /** What was told to the engine while it ran. */
    beats,
    cancel: () => environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true })),
    drain: () => environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true })),
    run: <R>(body: () => Promise<R>): Promise<R> => environment.run(body),
    /** The failure that the attempt ends with. */
    failure: async (body: () => Promise<unknown>): Promise<ApplicationFailure> => {
      const ended: unknown = await environment.run(body).then(
        () => new Error('the attempt succeeded'),
        (error: unknown) => error,
      );
      if (ended instanceof ApplicationFailure) return ended;
      throw ended;
    },
  };
}

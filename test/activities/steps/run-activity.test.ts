import { CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { runActivity } from '../../../activities/steps/run-activity.ts';
import { AppError, type FailureType } from '../../../domain/errors.ts';
import { anAttempt } from '../../support/activity.ts';

const options = { maxFaults: 3 };
const failing =
  (type: FailureType, facts: { retryAfterMs?: number } = {}) =>
  () =>
    runActivity(options, () => Promise.reject(new AppError(type, { what: 'no', ...facts })));

describe('an attempt', () => {
  it('that succeeds: gives its result, told to no one', async () => {
    const attempt = anAttempt();
    expect(await attempt.run(() => runActivity(options, async () => 5))).toBe(5);
    expect(attempt.beats).toEqual([]);
  });

  it('its scope: delivery number, and whether one more fault is the last', async () => {
    const scopes = [];
    for (const heartbeatDetails of [undefined, { faults: 1 }, { faults: 2 }, { faults: -1 }, 'text']) {
      const attempt = anAttempt({ attempt: 4, heartbeatDetails });
      scopes.push(
        await attempt.run(() => runActivity(options, async ({ delivery, isLastFault }) => ({ delivery, isLastFault }))),
      );
    }
    expect(scopes.map((scope) => scope.isLastFault)).toEqual([false, false, true, false, false]);
    expect(scopes.map((scope) => scope.delivery)).toEqual([4, 4, 4, 4, 4]);
  });

  it('that waits: says for what, once for each reason', async () => {
    const attempt = anAttempt({ heartbeatDetails: { faults: 2 } });
    await attempt.run(() =>
      runActivity(options, async ({ reportWaiting }) => {
        reportWaiting('the store');
        reportWaiting('the store');
        reportWaiting(null);
      }),
    );
    expect(attempt.beats).toEqual([
      { faults: 2, waitingFor: 'the store' },
      { faults: 2, waitingFor: null },
    ]);
  });
});

describe('a failed attempt', () => {
  it('a fault: counted in the heartbeat, tried again until the limit', async () => {
    const ends = [];
    for (const faults of [0, 1, 2, 5]) {
      const attempt = anAttempt({ heartbeatDetails: { faults }, attempt: 99 });
      const { type, nonRetryable } = await attempt.failure(failing('Model.StreamCut'));
      ends.push({ type, nonRetryable, beat: attempt.beats.at(-1) });
    }
    expect(ends.map((end) => end.nonRetryable)).toEqual([false, false, true, true]);
    expect(ends.map((end) => end.beat)).toEqual([1, 2, 3, 6].map((faults) => ({ faults, waitingFor: null })));
    expect(ends[0]?.type).toBe('Model.StreamCut');
  });

  it.each<FailureType>([
    'Storage.Unavailable',
    'Storage.Full',
    'Model.RateLimited',
    'Model.Unavailable',
    'Sandbox.Unavailable',
  ])('%s: nobody’s fault, tried again for ever, uncounted', async (type) => {
    const attempt = anAttempt({ heartbeatDetails: { faults: 2 } });
    const failure = await attempt.failure(failing(type));
    expect(failure).toMatchObject({ type, nonRetryable: false, category: 'BENIGN' });
    expect(attempt.beats).toEqual([]);
  });

  it.each<FailureType>(['Model.Auth', 'Storage.Corrupt', 'Ledger.ReplayDivergence', 'Input.NoManifest'])(
    '%s: final at once',
    async (type) => {
      expect(await anAttempt().failure(failing(type))).toMatchObject({ type, nonRetryable: true });
    },
  );

  it.each([
    ['90 seconds', 90_000, 90_000],
    ['at once', 0, 1],
    ['nothing', undefined, undefined],
  ])('the other side asks to wait %s: the engine is told', async (_, retryAfterMs, nextRetryDelay) => {
    const facts = retryAfterMs === undefined ? {} : { retryAfterMs };
    const failure = await anAttempt().failure(failing('Model.RateLimited', facts));
    expect(failure.nextRetryDelay ?? undefined).toBe(nextRetryDelay);
  });

  it('an unknown error: a bug of ours, counted, with a bounded message', async () => {
    const attempt = anAttempt();
    const failure = await attempt.failure(() =>
      runActivity(options, () => Promise.reject(new TypeError('x'.repeat(9_000)))),
    );
    expect(failure).toMatchObject({ type: 'Internal.Bug', nonRetryable: false });
    expect(failure.message.length).toBeLessThanOrEqual(1_500);
    expect(attempt.beats).toEqual([{ faults: 1, waitingFor: null }]);
  });
});

/** Runs until it is aborted, then fails as what was aborted does. */
const untilAborted = (end: () => void) => () =>
  runActivity(options, ({ signal }) => {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new AppError('Model.Failed', { what: 'aborted' })));
    });
    end();
    return aborted;
  });

describe('an attempt that is ended from outside', () => {
  it('cancelled: a cancellation, whatever was thrown, no fault', async () => {
    const attempt = anAttempt();
    await expect(attempt.run(untilAborted(attempt.cancel))).rejects.toBeInstanceOf(CancelledFailure);
    expect(attempt.beats).toEqual([]);
  });

  it('drained: handed back at once, uncounted', async () => {
    const attempt = anAttempt({ heartbeatDetails: { faults: 2 } });
    const failure = await attempt.failure(untilAborted(attempt.drain));
    expect(failure).toMatchObject({ type: 'Worker.Drained', nonRetryable: false, nextRetryDelay: '1ms' });
    expect(attempt.beats).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { performStep, type StepPlan, type StepWork } from '../../../activities/steps/perform-step.ts';
import type { StepPorts } from '../../../activities/steps/ports.ts';
import { AppError } from '../../../domain/errors.ts';
import { digestText } from '../../../domain/digest.ts';
import { type Claim, claimBeatMs, claimStaleMs, toClaim } from '../../../domain/ledger.ts';
import { aModelRecord, aRunId } from '../../support/facts.ts';
import { aDraft, aHolder, aJumpingClock, aScope, aStillClock, openMemoryStorage } from '../../support/store.ts';

const slot = { tenant: 'default', runId: aRunId, seq: 0 };
const requestDigest = digestText('request');
const read: StepPlan = { slot, kind: 'tool', turn: 1, requestDigest, effect: 'read' };
const unkeyed: StepPlan = { ...read, effect: 'unkeyed' };

function someWork(observation: string): StepWork {
  const { status, failure, contentTokens, usage, costMicroUsd, model, tool, hold } = aModelRecord();
  return { status, failure, contentTokens, usage, costMicroUsd, model, tool, hold, contents: { observation } };
}

const outcomeUnknown = () => someWork('unknown');

/** A step's surroundings over one store; `attempt` makes another attempt of it, in another process. */
function open(change?: Parameters<typeof openMemoryStorage>[0]) {
  const storage = openMemoryStorage(change);
  const clock = aJumpingClock();
  const attempt = (delivery: number, gone: readonly string[] = []): StepPorts => ({
    ledger: storage.trajectory,
    clock,
    holder: aHolder(`host/${delivery}`, gone),
    scope: aScope({ delivery }),
  });
  const state = () => storage.trajectory.readSlot(slot);
  return { ...storage, clock, attempt, state };
}

function aClaim(change: Partial<Claim> = {}): Claim {
  const names = { holder: 'host/1', nonce: 'host/1#1', requestDigest, intent: false, nowMs: 1_000_000 };
  return { ...toClaim(null, names), ...change };
}

describe('a claim', () => {
  it('first delivery of a step that may repeat: none is made, the record is one put', async () => {
    const { attempt, objects, state } = open();
    const seen: string[] = [];
    await performStep(attempt(1), read, {
      work: async () => {
        seen.push((await state()).type);
        return someWork('x');
      },
    });
    expect(seen).toEqual(['empty']);
    expect(objects.objects.size).toBe(1);
  });

  it('a later delivery: made before the work, and the record is put over it', async () => {
    const { attempt, state } = open();
    const seen: unknown[] = [];
    await performStep(attempt(2), read, {
      work: async () => {
        seen.push(await state());
        return someWork('x');
      },
    });
    expect(seen).toMatchObject([{ type: 'claim', claim: { holder: 'host/2', epoch: 1, intent: false } }]);
    expect(await state()).toMatchObject({ type: 'record' });
  });

  it('of a holder that records: waited for, and its record is adopted without work', async () => {
    const { attempt, trajectory, clock } = open();
    await trajectory.putClaim(slot, aClaim(), null);
    const waiting = performStep(attempt(2), read, { work: () => Promise.reject(new Error('worked')) });
    const held = await trajectory.readSlot(slot);
    await clock.sleep(2_000, new AbortController().signal);
    await trajectory.putStep(slot, aDraft('first', { requestDigest }), held.type === 'claim' ? held.tag : null);
    expect((await waiting).record.delivery).toBe(1);
  });

  it('of a process that is gone: taken over at once', async () => {
    const { attempt, trajectory, clock } = open();
    await trajectory.putClaim(slot, aClaim(), null);
    const before = clock.now();
    const { record } = await performStep(attempt(2, ['host/1']), read, { work: async () => someWork('x') });
    expect([record.delivery, clock.now() - before]).toEqual([2, 0]);
  });

  it('that stands still: taken over after its time, not before', async () => {
    const { attempt, trajectory, clock } = open();
    const before = clock.now();
    await trajectory.putClaim(slot, aClaim({ beatAtMs: before }), null);
    let tookMs = 0;
    await performStep(attempt(2), read, {
      work: async () => {
        tookMs = clock.now() - before;
        return someWork('x');
      },
    });
    expect(tookMs).toBeGreaterThanOrEqual(claimStaleMs);
    expect(tookMs).toBeLessThan(claimStaleMs + 1_000);
  });

  it('that was raised last long ago, by its own clock: taken over at once', async () => {
    const { attempt, trajectory, clock } = open();
    const before = clock.now();
    await trajectory.putClaim(slot, aClaim({ beatAtMs: before - 60_000 }), null);
    await performStep(attempt(2), read, { work: async () => someWork('x') });
    expect(clock.now() - before).toBeLessThan(claimBeatMs);
  });

  it('given up by an attempt at another request: taken over, since a person may have edited it', async () => {
    const { attempt, state } = open();
    const failure = new AppError('Tool.Unavailable', { what: 'no' });
    await expect(performStep(attempt(2), read, { work: () => Promise.reject(failure) })).rejects.toBe(failure);
    const edited = { ...read, requestDigest: digestText('edited') };
    const { record } = await performStep(attempt(1), edited, { work: async () => someWork('x') });
    expect(record.requestDigest).toBe(edited.requestDigest);
    expect(await state()).toMatchObject({ type: 'record' });
  });

  it('an attempt that fails: gives its claim up, and the next one need not wait', async () => {
    const { attempt, clock } = open();
    const failure = new AppError('Tool.Unavailable', { what: 'no' });
    await expect(performStep(attempt(2), read, { work: () => Promise.reject(failure) })).rejects.toBe(failure);
    const before = clock.now();
    const { record } = await performStep(attempt(3), read, { work: async () => someWork('x') });
    expect([record.delivery, clock.now() - before]).toEqual([3, 0]);
  });
});

describe('work that takes long', () => {
  it('on a first delivery: claimed after a beat, and raised with each', async () => {
    const { attempt, clock, state } = open();
    const beats: number[] = [];
    await performStep(attempt(1), read, {
      work: async () => {
        for (let look = 0; look < 12; look += 1) {
          await clock.sleep(0, new AbortController().signal);
          const slotState = await state();
          if (slotState.type === 'claim') beats.push(slotState.claim.beat);
        }
        return someWork('x');
      },
    });
    expect(new Set(beats).size).toBeGreaterThan(2);
    expect(beats).toEqual(beats.toSorted((left, right) => left - right));
    expect(await state()).toMatchObject({ type: 'record' });
  });

  it('of a worker that stood still while another took the step over: nothing of it is written', async () => {
    const { attempt, state } = open();
    const asleep = Promise.withResolvers<void>();
    const first = performStep({ ...attempt(1), clock: { now: () => 0, sleep: () => asleep.promise } }, read, {
      work: async () => {
        await asleep.promise;
        return someWork('zombie');
      },
    });
    const second = await performStep(attempt(2), read, {
      work: async () => {
        asleep.resolve();
        await expect(first).rejects.toMatchObject({ type: 'Ledger.Fenced' });
        return someWork('second');
      },
    });
    expect(await state()).toEqual({ type: 'record', step: second });
    expect(second.record.delivery).toBe(2);
  });

  it('whose claim is taken over: is aborted, since its result would be refused', async () => {
    const { attempt, trajectory, state } = open();
    const doomed = performStep(attempt(2), read, {
      work: async ({ signal }) => {
        const mine = await state();
        if (mine.type !== 'claim') throw new Error('no claim');
        const names = { holder: 'host/9', nonce: 'host/9#1', requestDigest, intent: false, nowMs: 0 };
        await trajectory.putClaim(slot, toClaim(mine.claim, names), mine.tag);
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        throw signal.reason;
      },
    });
    await expect(doomed).rejects.toMatchObject({ type: 'Ledger.Fenced' });
    expect(await state()).toMatchObject({ type: 'claim', claim: { holder: 'host/9', epoch: 2 } });
  });

  it('recorded over its claim by a store that could not say so: found, not written twice', async () => {
    let fail = true;
    const { attempt, state } = open((objects) => ({
      compareAndSwap: async (key, bytes, etag) => {
        const tag = await objects.compareAndSwap(key, bytes, etag);
        if (!fail) return tag;
        fail = false;
        throw new AppError('Storage.Unavailable', { what: 'the answer was lost' });
      },
    }));
    const { record } = await performStep(attempt(2), read, { work: async () => someWork('x') });
    expect(await state()).toMatchObject({ type: 'record', step: { record } });
    expect(fail).toBe(false);
  });
});

describe('a call that is about to leave', () => {
  it('soon after its slot was seen: may begin; after a long sleep: may not', async () => {
    const { attempt, clock } = open();
    const { signal } = new AbortController();
    const asleep = { ...attempt(1), clock: { now: clock.now, sleep: aStillClock().sleep } };
    const sleepFor = (ms: number) =>
      performStep(asleep, read, {
        work: async ({ begin }) => {
          await clock.sleep(ms, signal);
          begin();
          return someWork('x');
        },
      });
    const frozen = sleepFor(20_000);
    await expect(frozen).rejects.toMatchObject({ type: 'Ledger.Fenced' });
    expect((await sleepFor(1_000)).record.status).toBe('ok');
  });
});

describe('a call that may happen only once', () => {
  it('claimed with its intent before it is made', async () => {
    const { attempt, state } = open();
    const seen: unknown[] = [];
    await performStep(attempt(1), unkeyed, {
      work: async () => {
        seen.push(await state());
        return someWork('x');
      },
      unknown: outcomeUnknown,
    });
    expect(seen).toMatchObject([{ type: 'claim', claim: { intent: true } }]);
  });

  it('whose worker died in between: not made again, its outcome is unknown', async () => {
    const { attempt, trajectory } = open();
    await trajectory.putClaim(slot, aClaim({ intent: true }), null);
    const step = await performStep(attempt(2, ['host/1']), unkeyed, {
      work: () => Promise.reject(new Error('called twice')),
      unknown: outcomeUnknown,
    });
    expect(await trajectory.readText('default', step, 'observation')).toBe('unknown');
  });

  it('whose attempt was ended: the intent outlives the claim, so the next one does not call', async () => {
    const { attempt, trajectory } = open();
    const drained = new Error('drained');
    await expect(
      performStep(attempt(1), unkeyed, { work: () => Promise.reject(drained), unknown: outcomeUnknown }),
    ).rejects.toBe(drained);
    const step = await performStep(attempt(2), unkeyed, {
      work: () => Promise.reject(new Error('called twice')),
      unknown: outcomeUnknown,
    });
    expect(await trajectory.readText('default', step, 'observation')).toBe('unknown');
  });
});

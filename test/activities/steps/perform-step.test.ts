import { describe, expect, it } from 'vitest';
import { performStep, type StepPlan, type StepWork, type WorkContext } from '../../../activities/steps/perform-step.ts';
import { AppError } from '../../../domain/errors.ts';
import { digestText } from '../../../domain/digest.ts';
import { toStepKey } from '../../../domain/record.ts';
import { aModelRecord, aRunId } from '../../support/facts.ts';
import { aDraft, aHolder, aScope, aStillClock, openMemoryStorage } from '../../support/store.ts';

const slot = { tenant: 'default', runId: aRunId, seq: 0 };
const plan: StepPlan = { slot, kind: 'model', turn: 1, requestDigest: digestText('request'), effect: 'read' };

function someWork(reply: string): StepWork {
  const { status, failure, contentTokens, usage, costMicroUsd, model, tool, hold } = aModelRecord();
  return { status, failure, contentTokens, usage, costMicroUsd, model, tool, hold, contents: { reply } };
}

/** Work that counts how often it is done. */
function createWork(reply = 'mine') {
  const keys: string[] = [];
  return {
    keys,
    work: async ({ stepKey }: WorkContext) => {
      keys.push(stepKey);
      return someWork(reply);
    },
  };
}

const away = () => new AppError('Storage.Unavailable', { what: 'the store is away' });

function open(change?: Parameters<typeof openMemoryStorage>[0]) {
  const storage = openMemoryStorage(change);
  const scope = aScope();
  const clock = aStillClock();
  return { ...storage, scope, clock, ports: { ledger: storage.trajectory, clock, scope, holder: aHolder() } };
}

describe('a step', () => {
  it('its slot is empty: worked once under its key, recorded with its times and delivery', async () => {
    const { ports, trajectory } = open();
    const { work, keys } = createWork();
    const { record } = await performStep({ ...ports, scope: aScope({ delivery: 3 }) }, plan, { work });
    expect(keys).toEqual([toStepKey(slot, 'model', plan.requestDigest)]);
    expect(record).toMatchObject({
      runId: aRunId,
      seq: 0,
      startedAtMs: 5_000,
      endedAtMs: 5_000,
      delivery: 3,
      requestDigest: plan.requestDigest,
    });
    expect((await trajectory.readStep(slot))?.record).toEqual(record);
  });

  it('its slot has the answer to the same request: adopted, not worked', async () => {
    const { ports } = open();
    const first = await performStep(ports, plan, createWork('first'));
    const { work, keys } = createWork('second');
    expect(await performStep(ports, plan, { work })).toEqual(first);
    expect(keys).toEqual([]);
  });

  it('its slot was closed: the closing record is the result, not worked', async () => {
    const { ports, trajectory } = open();
    await trajectory.putStep(slot, aDraft('closed', { requestDigest: null, status: 'failed' }));
    const { work, keys } = createWork();
    const { record } = await performStep(ports, plan, { work });
    expect(record).toMatchObject({ status: 'failed', requestDigest: null });
    expect(keys).toEqual([]);
  });

  it('its slot has the answer to another request: REPLAY_DIVERGENCE, not worked', async () => {
    const { ports, trajectory } = open();
    await trajectory.putStep(slot, aDraft('other', { requestDigest: digestText('another') }));
    const { work, keys } = createWork();
    await expect(performStep(ports, plan, { work })).rejects.toMatchObject({
      type: 'Ledger.ReplayDivergence',
      message: expect.stringMatching(/REPLAY_DIVERGENCE: slot 0 of run .*fork/u),
    });
    expect(keys).toEqual([]);
  });

  it('another attempt wins the slot during the work: its record is the result', async () => {
    const { ports, trajectory } = open();
    const { record } = await performStep(ports, plan, {
      work: async () => {
        await trajectory.putStep(slot, aDraft('winner', { requestDigest: plan.requestDigest, delivery: 9 }));
        return someWork('loser');
      },
    });
    expect(record.delivery).toBe(9);
  });

  it('the slot is closed during the work: the late result is dropped for the record that stands', async () => {
    const { ports, trajectory } = open();
    const { record } = await performStep(ports, plan, {
      work: async () => {
        await trajectory.putStep(slot, aDraft('closed', { requestDigest: null, status: 'failed' }));
        return someWork('late');
      },
    });
    expect(record.status).toBe('failed');
  });

  it('the work fails: nothing is recorded, and the failure is told', async () => {
    const { ports, trajectory } = open();
    const failure = new AppError('Model.Failed', { what: 'no' });
    await expect(performStep(ports, plan, { work: () => Promise.reject(failure) })).rejects.toBe(failure);
    expect(await trajectory.readStep(slot)).toBeNull();
  });
});

describe('a step whose store goes away', () => {
  it('before the work: told at once, nothing is worked', async () => {
    const { ports, objects } = open(() => ({ get: () => Promise.reject(away()) }));
    const { work, keys } = createWork();
    await expect(performStep(ports, plan, { work })).rejects.toMatchObject({ type: 'Storage.Unavailable' });
    expect([keys.length, objects.objects.size]).toEqual([0, 0]);
  });

  it.each(['Storage.Unavailable', 'Storage.Full'] as const)(
    '%s while it is recorded: the result is kept and put again, worked once',
    async (type) => {
      let failures = 8;
      const storage = open((objects) => ({
        putIfAbsent: async (key, bytes) => {
          if (failures-- > 0) throw new AppError(type, { what: 'no' });
          return objects.putIfAbsent(key, bytes);
        },
      }));
      const { work, keys } = createWork();
      const { record } = await performStep(storage.ports, plan, { work });
      expect(keys).toHaveLength(1);
      expect(record.requestDigest).toBe(plan.requestDigest);
      expect(storage.clock.slept).toEqual([100, 250, 500, 1_000, 2_000, 5_000, 5_000, 5_000]);
      expect(storage.scope.waits[0]).toContain('object store');
      expect(storage.scope.waits.at(-1)).toBeNull();
    },
  );

  it('after it took the record, before it said so: the record that stands is found, not written twice', async () => {
    let first = true;
    const storage = open((objects) => ({
      putIfAbsent: async (key, bytes) => {
        const won = await objects.putIfAbsent(key, bytes);
        if (first && key.includes('/steps/')) {
          first = false;
          throw away();
        }
        return won;
      },
    }));
    const { record, digest } = await performStep(storage.ports, plan, createWork());
    expect(await storage.trajectory.readStep(slot)).toMatchObject({ record, digest });
    expect([...storage.objects.objects.keys()].filter((key) => key.includes('/steps/'))).toHaveLength(1);
  });

  it('and the attempt is cancelled while it waits: ended, with the signal’s reason', async () => {
    const controller = new AbortController();
    const { trajectory } = open(() => ({ putIfAbsent: () => Promise.reject(away()) }));
    const scope = aScope({ signal: controller.signal, reportWaiting: () => controller.abort(new Error('drained')) });
    await expect(
      performStep({ ledger: trajectory, clock: aStillClock(), scope, holder: aHolder() }, plan, createWork()),
    ).rejects.toThrow('drained');
  });

  it('for good, with a corrupt record in the slot: told, not waited for', async () => {
    const { ports, objects, clock } = open();
    const doomed = performStep(ports, plan, {
      work: async () => {
        objects.objects.set(`t/default/runs/${aRunId}/steps/00000000`, new Uint8Array([1, 2, 3]));
        return someWork('mine');
      },
    });
    await expect(doomed).rejects.toMatchObject({ type: 'Storage.Corrupt' });
    expect(clock.slept).toEqual([]);
  });
});

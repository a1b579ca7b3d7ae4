import { describe, expect, it } from 'vitest';
import { createSandboxReaper, type ReaperClock } from '../../../activities/sandbox/adapters/sandbox-reaper.ts';
import type { RunRef } from '../../../domain/ids.ts';
import type { SandboxPort } from '../../../activities/sandbox/ports.ts';
import { aRef, aSandbox, aSandboxScope } from './sandbox-fixture.ts';

function aClock(): ReaperClock & { tick: () => void; ms: () => number | undefined } {
  let task: (() => void) | undefined;
  let interval: number | undefined;
  return {
    every: (ms, next) => {
      [task, interval] = [next, ms];
      return () => {
        task = undefined;
      };
    },
    tick: () => task?.(),
    ms: () => interval,
  };
}

const aRun = (runId: string): RunRef => ({ tenant: 'default', runId });

type Swept = Pick<SandboxPort, 'listRuns' | 'destroy' | 'sweep'>;

function fakeSandbox(runIds: string[]): Swept {
  const present = new Set(runIds);
  return {
    listRuns: async () => [...present].map(aRun),
    destroy: async ({ runId }) => {
      if (runId === 'stuck') throw new Error('processes did not die');
      present.delete(runId);
    },
    sweep: async () => undefined,
  };
}

const settled = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('sandbox reaper', () => {
  it('real sandboxes: one run ended → its files and processes go, the other stays', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run({ ...aRef, runId: 'ended' }, job, aSandboxScope());
    const reaper = createSandboxReaper({ sandbox: box.sandbox, hasEnded: async ({ runId }) => runId === 'ended' });
    expect(await reaper.sweep()).toEqual([aRun('ended')]);
    expect(await box.sandbox.listRuns()).toEqual([aRun('run')]);
  });

  it('checks and removals that fail: others ended → others are removed, failures are told', async () => {
    const told: (string | undefined)[] = [];
    const reaper = createSandboxReaper({
      sandbox: fakeSandbox(['unknown', 'stuck', 'ended', 'running']),
      hasEnded: async ({ runId }) => {
        if (runId === 'unknown') throw new Error('engine away');
        return runId !== 'running';
      },
      onError: ({ run }) => told.push(run?.runId),
    });
    expect(await reaper.sweep()).toEqual([aRun('ended')]);
    expect(new Set(told)).toEqual(new Set(['stuck', 'unknown']));
  });

  it('check that hangs: next sweep → asks the others, not that one', async () => {
    const asked: string[] = [];
    const sandbox = fakeSandbox(['hangs', 'late']);
    const reaper = createSandboxReaper({
      sandbox,
      hasEnded: async ({ runId }) => {
        asked.push(runId);
        if (runId === 'hangs') return new Promise(() => undefined);
        return asked.length > 2;
      },
    });
    void reaper.sweep();
    await settled();
    expect(await reaper.sweep()).toEqual([aRun('late')]);
    expect(asked).toEqual(['hangs', 'late', 'late']);
  });

  it('list that fails: sweep → told, and does not reject', async () => {
    const told: unknown[] = [];
    const sandbox = { ...fakeSandbox([]), listRuns: async () => Promise.reject(new Error('disk away')) };
    const reaper = createSandboxReaper({
      sandbox,
      hasEnded: async () => true,
      onError: ({ error }) => told.push(error),
    });
    expect(await reaper.sweep()).toEqual([]);
    expect(told).toEqual([new Error('disk away')]);
  });

  it('started: at once and at each tick, often enough for a minute → until stopped', async () => {
    const clock = aClock();
    let sweeps = 0;
    const sandbox = {
      ...fakeSandbox([]),
      listRuns: async () => {
        sweeps += 1;
        return [];
      },
    };
    const reaper = createSandboxReaper({ sandbox, hasEnded: async () => true, clock });
    reaper.start();
    reaper.start();
    expect(sweeps).toBe(1);
    expect(clock.ms()).toBeLessThanOrEqual(30_000);
    clock.tick();
    expect(sweeps).toBe(2);
    reaper.stop();
    reaper.stop();
    clock.tick();
    expect(sweeps).toBe(2);
  });
});

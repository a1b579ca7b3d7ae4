import type { SandboxPort } from '../ports.ts';

/** Calls a task again and again; returns what stops it. */
export interface ReaperClock {
  readonly every: (ms: number, task: () => void) => () => void;
}

/** Options of {@link createSandboxReaper}. */
export interface SandboxReaperOptions {
  readonly sandbox: Pick<SandboxPort, 'listRuns' | 'destroy'>;
  /** Has the run ended, or never been? A rejection means unknown: its sandboxes are kept and it is asked again. */
  readonly hasEnded: (runId: string) => Promise<boolean>;
  /** Time between sweeps in milliseconds; 20,000 when absent, so that an ended run's sandbox is gone within a minute. */
  readonly everyMs?: number;
  readonly clock?: ReaperClock;
  /** Told of each sandbox that could not be checked or removed; `runId` is absent when the list itself failed. */
  readonly onError?: (failure: { readonly runId?: string; readonly error: unknown }) => void;
}

/** Removes sandboxes whose run has ended, when the run itself could not. */
export interface SandboxReaper {
  /** Sweeps at once and then at each tick. Idempotent. */
  readonly start: () => void;
  /** No sweep begins after it; one under way ends by itself. Idempotent. */
  readonly stop: () => void;
  /** One look at every run. *Contract:* never rejects; resolves with the runs whose sandboxes were removed. */
  readonly sweep: () => Promise<string[]>;
}

const systemClock: ReaperClock = {
  every: (ms, task) => {
    const timer = setInterval(task, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/**
 * A reaper for the sandboxes of this host.
 *
 * *Contract:* a check that fails or hangs holds up no other run, in this sweep or the next.
 */
export function createSandboxReaper(options: SandboxReaperOptions): SandboxReaper {
  const { sandbox, hasEnded, everyMs = 20_000, clock = systemClock, onError } = options;
  const underWay = new Set<string>();
  let stopTicks: (() => void) | null = null;

  const reap = async (runId: string): Promise<string[]> => {
    underWay.add(runId);
    try {
      if (!(await hasEnded(runId))) return [];
      await sandbox.destroy(runId);
      return [runId];
    } catch (error) {
      onError?.({ runId, error });
      return [];
    } finally {
      underWay.delete(runId);
    }
  };

  const sweep = async (): Promise<string[]> => {
    try {
      const runIds = (await sandbox.listRuns()).filter((runId) => !underWay.has(runId));
      return (await Promise.all(runIds.map(reap))).flat();
    } catch (error) {
      onError?.({ error });
      return [];
    }
  };

  return {
    sweep,
    start: () => {
      if (stopTicks !== null) return;
      stopTicks = clock.every(everyMs, () => void sweep());
      void sweep();
    },
    stop: () => {
      stopTicks?.();
      stopTicks = null;
    },
  };
}

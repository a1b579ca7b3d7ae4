import type { RunRef } from '../../../domain/ids.ts';
import type { SandboxPort } from '../ports.ts';

/** Calls a task again and again; returns what stops it. */
export interface ReaperClock {
  readonly every: (ms: number, task: () => void) => () => void;
}

/** Options of {@link createSandboxReaper}. */
export interface SandboxReaperOptions {
  readonly sandbox: Pick<SandboxPort, 'listRuns' | 'destroy' | 'sweep'>;
  /** Has the run ended, or never been? A rejection means unknown: its sandboxes are kept and it is asked again. */
  readonly hasEnded: (run: RunRef) => Promise<boolean>;
  /** Time between sweeps in milliseconds; 20,000 when absent, so that an ended run's sandbox is gone within a minute. */
  readonly everyMs?: number;
  readonly clock?: ReaperClock;
  /** Told of each sandbox that could not be checked or removed; `run` is absent when it was not about one run. */
  readonly onError?: (failure: { readonly run?: RunRef; readonly error: unknown }) => void;
}

/** Removes sandboxes whose run has ended, when the run itself could not, and what zombies and crashes left behind. */
export interface SandboxReaper {
  /** Sweeps at once and then at each tick. Idempotent. */
  readonly start: () => void;
  /** No sweep begins after it; one under way ends by itself. Idempotent. */
  readonly stop: () => void;
  /** One look at every run. *Contract:* never rejects; resolves with the runs whose sandboxes were removed. */
  readonly sweep: () => Promise<RunRef[]>;
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

  const reap = async (run: RunRef): Promise<RunRef[]> => {
    const key = toKey(run);
    underWay.add(key);
    try {
      if (!(await hasEnded(run))) return [];
      await sandbox.destroy(run);
      return [run];
    } catch (error) {
      onError?.({ run, error });
      return [];
    } finally {
      underWay.delete(key);
    }
  };

  const reapAll = async (): Promise<RunRef[]> => {
    const runs = (await sandbox.listRuns()).filter((run) => !underWay.has(toKey(run)));
    return (await Promise.all(runs.map(reap))).flat();
  };

  const sweep = async (): Promise<RunRef[]> => {
    const removed = await reapAll().catch((error: unknown) => {
      onError?.({ error });
      return [];
    });
    await sandbox.sweep().catch((error: unknown) => onError?.({ error }));
    return removed;
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

function toKey({ tenant, runId }: RunRef): string {
  return `${tenant}/${runId}`;
}

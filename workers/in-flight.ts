import type { WorkerMessage } from './supervision.ts';

/** An activity that a worker has, or had a moment ago. */
interface Tracked {
  readonly step: string;
  /** Null while it runs; its completion may still be on the way to the engine for a moment after its end. */
  endedAtMs: number | null;
}

/** How long after its end an activity may still be lost with its worker, in milliseconds. */
const settlingMs = 2_000;

/** A step that killed this many workers is not tried again. */
const maxDeaths = 3;

/** An activity to fail after its worker's death. */
export interface LostActivity {
  readonly token: string;
  /** True when the same step has killed its worker too often. */
  readonly poison: boolean;
}

/** Keeps the account of a worker's activities, across the workers of one supervisor. */
export interface InFlight {
  readonly note: (message: Extract<WorkerMessage, { type: 'activity-start' | 'activity-end' }>) => void;
  /** Activities in flight now. */
  readonly count: () => number;
  /** The worker died: what it had, and nothing is in flight any more. */
  readonly lose: () => LostActivity[];
}

/** An account of activities; `now` in milliseconds. */
export function createInFlight(now: () => number): InFlight {
  const tracked = new Map<string, Tracked>();
  const deaths = new Map<string, number>();
  const forgetSettled = () => {
    for (const [token, { endedAtMs }] of tracked) {
      if (endedAtMs === null || now() - endedAtMs < settlingMs) continue;
      tracked.delete(token);
    }
  };
  const end = (token: string) => {
    const known = tracked.get(token);
    if (known === undefined) return;
    known.endedAtMs = now();
    deaths.delete(known.step);
  };
  return {
    note: (message) => {
      for (const token of message.type === 'activity-start' ? message.ended : message.tokens) end(token);
      if (message.type === 'activity-start') tracked.set(message.token, { step: message.step, endedAtMs: null });
      if (tracked.size > 512) forgetSettled();
    },
    count: () => [...tracked.values()].filter(({ endedAtMs }) => endedAtMs === null).length,
    lose: () => {
      forgetSettled();
      const lost = [...tracked].map(([token, { step, endedAtMs }]) => {
        const died = (deaths.get(step) ?? 0) + (endedAtMs === null ? 1 : 0);
        if (endedAtMs === null) deaths.set(step, died);
        return { token, poison: died >= maxDeaths };
      });
      tracked.clear();
      return lost;
    },
  };
}

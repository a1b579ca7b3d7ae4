import type { CustomSlotSupplier, TunerHolder } from '@temporalio/worker';

type ActivitySlots = Extract<TunerHolder['activityTaskSlotSupplier'], { type: 'custom' }>;

/** How often a supplier without room looks again, in milliseconds; an end of a task is looked at once. */
const lookEveryMs = 200;

/** Slots of a queue. */
export interface RoomSlots {
  readonly supplier: ActivitySlots;
  /** Tasks that run now. */
  readonly running: () => number;
}

/** What is taken of a room: `polling` are those places of `taken` whose poll has brought nothing yet. */
export interface TakenPlaces {
  readonly taken: number;
  readonly polling: number;
}

interface Permit {
  used: boolean;
}

/** The engine says that it no longer wants a place by an abort; a supplier answers with this error and no other. */
function toAbortError(): Error {
  const error = new Error('no place is wanted any more');
  error.name = 'AbortError';
  return error;
}

/** Waits for `ms`, or until `woken`. */
function pause(ms: number, waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      waiting.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    waiting.add(done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/**
 * Slots that follow a room which grows and shrinks: a task is polled for only while `hasRoom` says so, so that what has no room waits in
 * the engine's queue, in its order.
 */
export function createRoomSlots(hasRoom: (places: TakenPlaces) => boolean): RoomSlots {
  const permits = new Set<Permit>();
  const waiting = new Set<() => void>();
  const polling = (): number => [...permits].filter(({ used }) => !used).length;
  const tryTake = (): Permit | null => {
    if (!hasRoom({ taken: permits.size, polling: polling() })) return null;
    const permit = { used: false };
    permits.add(permit);
    return permit;
  };
  const wake = (): void => {
    for (const done of waiting) done();
  };
  const supplier: CustomSlotSupplier<{ type: 'activity'; activityType: string }> = {
    type: 'custom',
    reserveSlot: async (_context, signal) => {
      for (;;) {
        if (signal.aborted) throw toAbortError();
        const permit = tryTake();
        if (permit !== null) return permit;
        await pause(lookEveryMs, waiting, signal);
      }
    },
    tryReserveSlot: () => tryTake(),
    markSlotUsed: ({ permit }) => {
      const known = findPermit(permits, permit);
      if (known !== null) known.used = true;
    },
    releaseSlot: ({ permit }) => {
      const known = findPermit(permits, permit);
      if (known !== null) permits.delete(known);
      wake();
    },
  };
  return { supplier, running: () => permits.size - polling() };
}

/** The engine hands back the very object that it was given. */
function findPermit(permits: ReadonlySet<Permit>, permit: unknown): Permit | null {
  for (const known of permits) if (known === permit) return known;
  return null;
}

/** A tuner whose activity slots are these; the other kinds of task do not exist on such a queue. */
export function toTuner(slots: RoomSlots): TunerHolder {
  const one = { type: 'fixed-size', numSlots: 1 } as const;
  return {
    activityTaskSlotSupplier: slots.supplier,
    workflowTaskSlotSupplier: one,
    localActivityTaskSlotSupplier: one,
    nexusTaskSlotSupplier: one,
  };
}

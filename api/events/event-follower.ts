import { type AppError, toAppError } from '../../domain/errors.ts';
import type { RunEvent } from '../../domain/events.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { RunEngine } from '../ports.ts';
import { walkEvents } from './walk-events.ts';

/** What a reader gets beside events: the engine went away, or is back. Not numbered. */
export type FollowItem = RunEvent | 'away' | 'back';

/** Follows runs for any number of readers with one long poll a run. */
export interface EventFollower {
  /**
   * Events with `seq > afterSeq`, then those to come, until the run's end or `signal`.
   *
   * *Contract:* a reader holds a position only: a slow one costs no memory, one that fell behind what is kept reads the history
   * again. @throws AppError `Input.NotFound` when the run's history is gone
   */
  readonly follow: (
    run: RunRef,
    position: { readonly firstExecutionId: string; readonly afterSeq: number; readonly signal: AbortSignal },
  ) => AsyncGenerator<FollowItem, void, undefined>;
  /** Runs that are followed now. */
  readonly size: () => number;
  /** Ends all polls; readers end. */
  readonly close: () => void;
}

export interface FollowerOptions {
  readonly engine: RunEngine;
  /** How long a run is followed after its last reader left, in milliseconds. */
  readonly idleMs: number;
  /** Events of a run that are kept for its readers. */
  readonly maxEvents: number;
}

/** One run's log: a window of its newest events, filled by one poll. */
interface SharedLog {
  readonly run: RunRef;
  readonly firstExecutionId: string;
  readonly stop: AbortController;
  readonly wakers: Set<() => void>;
  events: RunEvent[];
  readers: number;
  isAway: boolean;
  /** Set when no more events will come. */
  end: { readonly failure: AppError | null } | null;
  idle: NodeJS.Timeout | null;
}

/** Waits until the log changes or the reader goes. */
function nextChange(log: SharedLog, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      log.wakers.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    log.wakers.add(done);
    signal.addEventListener('abort', done);
  });
}

function wake(log: SharedLog): void {
  for (const waker of log.wakers) waker();
}

async function fill(log: SharedLog, options: FollowerOptions): Promise<void> {
  const { run, firstExecutionId } = log;
  const onAway = (isAway: boolean) => {
    log.isAway = isAway;
    wake(log);
  };
  try {
    const { engine } = options;
    for await (const page of walkEvents({
      engine,
      run,
      firstExecutionId,
      wait: true,
      signal: log.stop.signal,
      onAway,
    })) {
      log.events.push(...page);
      // Cut rarely, so that a long run costs no copy at each page.
      if (log.events.length > 2 * options.maxEvents) log.events = log.events.slice(-options.maxEvents);
      wake(log);
    }
    log.end = { failure: null };
  } catch (error) {
    log.end = { failure: toAppError(error) };
  }
  wake(log);
}

function keyOf(run: RunRef): string {
  return `${run.tenant}/${run.runId}`;
}

/** A follower over an engine. */
export function createEventFollower(options: FollowerOptions): EventFollower {
  const logs = new Map<string, SharedLog>();

  const drop = (log: SharedLog): void => {
    if (logs.get(keyOf(log.run)) === log) logs.delete(keyOf(log.run));
    if (log.idle !== null) clearTimeout(log.idle);
    log.stop.abort();
    wake(log);
  };
  const open = (run: RunRef, firstExecutionId: string): SharedLog => {
    const known = logs.get(keyOf(run));
    if (known !== undefined && known.end?.failure == null) return known;
    const stop = new AbortController();
    const wakers = new Set<() => void>();
    const log: SharedLog = {
      run,
      firstExecutionId,
      stop,
      wakers,
      events: [],
      readers: 0,
      isAway: false,
      end: null,
      idle: null,
    };
    logs.set(keyOf(run), log);
    void fill(log, options);
    return log;
  };
  const enter = (log: SharedLog): void => {
    log.readers += 1;
    if (log.idle !== null) clearTimeout(log.idle);
    log.idle = null;
  };
  const leave = (log: SharedLog): void => {
    log.readers -= 1;
    if (log.readers > 0) return;
    log.idle = setTimeout(() => drop(log), options.idleMs);
    log.idle.unref();
  };

  return {
    follow: async function* (run, position) {
      const log = open(run, position.firstExecutionId);
      enter(log);
      try {
        yield* readLog(log, options.engine, position);
      } finally {
        leave(log);
      }
    },
    size: () => logs.size,
    close: () => {
      for (const log of logs.values()) drop(log);
    },
  };
}

/** One reader's way through a log. */
async function* readLog(
  log: SharedLog,
  engine: RunEngine,
  { afterSeq, signal }: { readonly afterSeq: number; readonly signal: AbortSignal },
): AsyncGenerator<FollowItem, void, undefined> {
  let next = afterSeq + 1;
  let toldAway = false;
  while (!signal.aborted) {
    const kept = log.events[0]?.seq ?? 0;
    if (next < kept) {
      for await (const event of reread(log, engine, { from: next, upto: kept, signal })) {
        yield event;
        next = event.seq + 1;
      }
      continue;
    }
    const event = log.events[next - kept];
    if (event !== undefined) {
      yield event;
      next = event.seq + 1;
      continue;
    }
    if (log.end !== null) {
      if (log.end.failure !== null) throw log.end.failure;
      return;
    }
    if (log.stop.signal.aborted) return;
    if (log.isAway !== toldAway) {
      toldAway = log.isAway;
      yield toldAway ? 'away' : 'back';
      continue;
    }
    await nextChange(log, signal);
  }
}

/** Events that are no longer kept, from the history itself, a page in memory at a time. */
async function* reread(
  log: SharedLog,
  engine: RunEngine,
  range: { readonly from: number; readonly upto: number; readonly signal: AbortSignal },
): AsyncGenerator<RunEvent, void, undefined> {
  const { run, firstExecutionId } = log;
  for await (const page of walkEvents({ engine, run, firstExecutionId, wait: true, signal: range.signal })) {
    for (const event of page) {
      if (event.seq >= range.upto) return;
      if (event.seq >= range.from) yield event;
    }
  }
}

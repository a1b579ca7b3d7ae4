import { setTimeout as delay } from 'node:timers/promises';
import { failures, toAppError } from '../../domain/errors.ts';
import { type OpenActivities, projectEvents, type RunEvent } from '../../domain/events.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { EngineEvent, RunEngine } from '../ports.ts';
import { toEventId, toHistoryFacts, toNextExecution } from './to-history-facts.ts';

/** Which history is walked, and how. */
export interface Walk {
  readonly engine: RunEngine;
  readonly run: RunRef;
  readonly firstExecutionId: string;
  /** Stay at the end of a live run for what comes; without, stop there. */
  readonly wait: boolean;
  readonly signal: AbortSignal;
  /** Told when the engine is away (and the walk will try again), and when it is back. */
  readonly onAway?: (isAway: boolean) => void;
}

/** Waits between two tries while the engine is away, in milliseconds; the last one repeats. */
const retryDelaysMs = [200, 500, 1_000, 2_000];

interface Place {
  executionId: string;
  lastEventId: number;
  pageToken: Uint8Array | null;
  number: number;
  open: OpenActivities;
}

/**
 * The run's events from 0, page by page, over the whole chain of executions.
 *
 * *Contract:* numbers are dense and the same on every walk; the seam of a continue-as-new is not repeated. When waiting, an
 * engine that is away is waited for; else it is thrown.
 */
export async function* walkEvents(walk: Walk): AsyncGenerator<readonly RunEvent[], void, undefined> {
  const place: Place = {
    executionId: walk.firstExecutionId,
    lastEventId: 0,
    pageToken: null,
    number: 0,
    open: new Map(),
  };
  while (!walk.signal.aborted) {
    const page = await readPage(walk, place);
    if (page === null) return;
    const { fresh, isLast } = page;
    const projection = projectEvents(toHistoryFacts(fresh), place.number, place.open);
    place.number = projection.nextNumber;
    place.open = projection.open;
    if (projection.events.length > 0) yield projection.events;
    const next = toNextExecution(fresh.at(-1));
    if (next !== null) moveTo(place, next);
    else if (isLast) return;
  }
}

/** Numbers go on, ids begin again. */
function moveTo(place: Place, executionId: string): void {
  place.executionId = executionId;
  place.lastEventId = 0;
  place.pageToken = null;
  place.open = new Map();
}

/** The next events that were not seen; null when the walk is over because its reader has gone. */
async function readPage(
  walk: Walk,
  place: Place,
): Promise<{ readonly fresh: readonly EngineEvent[]; readonly isLast: boolean } | null> {
  for (let tries = 0; ; tries += 1) {
    try {
      const { run, wait, signal } = walk;
      const { executionId, pageToken } = place;
      const page = await walk.engine.readHistory({ run, executionId, pageToken, wait, signal });
      if (tries > 0) walk.onAway?.(false);
      const fresh = page.events.filter((event) => toEventId(event) > place.lastEventId);
      place.lastEventId = Math.max(place.lastEventId, ...fresh.map(toEventId));
      place.pageToken = page.nextPageToken;
      return { fresh, isLast: page.nextPageToken === null };
    } catch (error) {
      if (walk.signal.aborted) return null;
      const failure = toAppError(error);
      if (!walk.wait || failures[failure.type].retry !== 'wait') throw failure;
      if (tries === 0) walk.onAway?.(true);
      // A token may not survive the engine's restart: begin the execution again and leave out what was seen.
      place.pageToken = null;
      await delay(retryDelaysMs[Math.min(tries, retryDelaysMs.length - 1)], undefined, { signal: walk.signal }).catch(
        () => null,
      );
      if (walk.signal.aborted) return null;
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { AppError, toAppError } from '../domain/errors.ts';
import { terminalEventTypes } from '../domain/events.ts';
import { type EventMessage, eventMessageSchema } from './api-schemas.ts';

/** What following a run needs. */
export interface EventStreamOptions {
  /** Opens the stream after event `after`; null is the beginning. Rejects for an answer that is not a stream. */
  readonly open: (after: number | null, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  /** Number of the last event that is known already; null for none. */
  readonly after: number | null;
  readonly signal: AbortSignal;
  /** Asked when a stream ended without a terminal event, as one after the last event does: has the run ended? */
  readonly isOver?: () => boolean | Promise<boolean>;
  /** Told when the stream broke and is opened again, with the reason; null when it is back. */
  readonly onAway?: (reason: string | null) => void;
  /** Waits before the stream is opened again, in milliseconds; the last one repeats. */
  readonly delaysMs?: readonly number[];
}

/** The door sends a heartbeat every 15 to 30 s: a stream that is silent for longer is dead. */
const silentMs = 75_000;
const defaultDelaysMs = [100, 500, 1_000, 2_000, 5_000];

/**
 * The events of a run, each once and in order, to its terminal one; a stream that breaks is opened again after the last event.
 *
 * *Contract:* ends after the terminal event, or when `signal` aborts (without throwing).
 * @throws AppError what the door answers when it refuses, such as `Input.NotFound`
 */
export async function* followEvents(options: EventStreamOptions): AsyncGenerator<EventMessage> {
  const { signal, onAway = () => {}, isOver = () => false } = options;
  const pace = createPace(options.delaysMs ?? defaultDelaysMs, signal);
  const place: Place = { after: options.after, isOver: false };
  while (!signal.aborted) {
    try {
      for await (const event of readFresh(options, place)) {
        if (pace.succeed()) onAway(null);
        yield event;
      }
      if (place.isOver || (await isOver())) return;
    } catch (error) {
      const reason = toReasonToWait(error, signal);
      if (reason === null) return;
      if (pace.fail()) onAway(reason);
    }
    await pace.wait();
  }
}

interface Place {
  after: number | null;
  /** Was the terminal event seen? */
  isOver: boolean;
}

/** The events of one stream that were not seen yet. */
async function* readFresh(options: EventStreamOptions, place: Place): AsyncGenerator<EventMessage> {
  for await (const event of readOnce(options, place.after)) {
    if (event.seq <= (place.after ?? -1)) continue;
    place.after = event.seq;
    place.isOver = terminalEventTypes.has(event.type);
    yield event;
    if (place.isOver) return;
  }
}

/** Why the stream is opened again; null when nobody listens any more. @throws what opening again would not mend */
function toReasonToWait(error: unknown, signal: AbortSignal): string | null {
  if (signal.aborted) return null;
  const failure = toAppError(error);
  if (failure.type !== 'Engine.Unavailable') throw failure;
  return failure.facts.what;
}

/** When the stream is opened again, and whether it is broken just now; `succeed` and `fail` tell whether that changed. */
function createPace(delaysMs: readonly number[], signal: AbortSignal) {
  let tries = 0;
  let isBroken = false;
  const change = (next: boolean): boolean => {
    const changed = isBroken !== next;
    isBroken = next;
    return changed;
  };
  return {
    succeed: () => {
      tries = 0;
      return change(false);
    },
    fail: () => change(true),
    wait: async (): Promise<void> => {
      const delayMs = delaysMs[Math.min(tries, delaysMs.length - 1)] ?? 1_000;
      tries += 1;
      await delay(delayMs, undefined, { signal }).catch(() => {});
    },
  };
}

async function* readOnce(options: EventStreamOptions, after: number | null): AsyncGenerator<EventMessage> {
  const silence = new AbortController();
  const signal = AbortSignal.any([options.signal, silence.signal]);
  const events: EventMessage[] = [];
  const parser = createParser({ onEvent: ({ data }) => void events.push(parseEvent(data)) });
  const decoder = new TextDecoder();
  let timer = setTimeout(() => silence.abort(), silentMs);
  try {
    const stream = await options.open(after, signal);
    for await (const chunk of stream) {
      timer.refresh();
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* events.splice(0);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw new AppError('Engine.Unavailable', { what: `the event stream broke (${what})`, cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function parseEvent(data: string): EventMessage {
  try {
    return eventMessageSchema.parse(JSON.parse(data));
  } catch (cause) {
    throw new AppError('Internal.Bug', { what: 'the API sent an event that is not of its own schema', cause });
  }
}

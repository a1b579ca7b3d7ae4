import { toAppError } from '../../domain/errors.ts';
import type { FollowItem } from './event-follower.ts';
import { toFrame } from './event-view.ts';

/** What a stream is made of. */
export interface StreamOptions {
  readonly items: AsyncGenerator<FollowItem, void, undefined>;
  /** The first item, when it was asked for already. */
  readonly first: Promise<IteratorResult<FollowItem, void>> | null;
  readonly heartbeatMs: number;
  /** Ends the reading when the reader has gone. */
  readonly stop: AbortController;
  readonly onClose: () => void;
  readonly onError: (message: string) => void;
}

const comments = { away: ': engine away, waiting\n\n', back: ': engine back\n\n' } as const;

/**
 * Events as `text/event-stream`, pulled by the reader's pace, with a comment in silence.
 *
 * Leaving never touches the run. A stream that ends without a terminal event was cut by this process's shutdown or by an error, and
 * can be resumed.
 */
export function toEventStream(options: StreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const { items, stop } = options;
  let pending = options.first;
  let isClosed = false;
  const close = () => {
    if (isClosed) return;
    isClosed = true;
    stop.abort();
    pending?.catch(() => undefined);
    void items.return().catch(() => undefined);
    options.onClose();
  };
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      // Sent at once, so that a client (and every proxy) sees the stream open.
      controller.enqueue(encoder.encode('retry: 1000\n\n'));
    },
    pull: async (controller) => {
      try {
        pending ??= items.next();
        const item = await raceHeartbeat(pending, options.heartbeatMs);
        if (item === 'heartbeat') {
          if (!isClosed) controller.enqueue(encoder.encode(': heartbeat\n\n'));
          return;
        }
        pending = null;
        if (isClosed) return;
        if (item.done === true) {
          close();
          controller.close();
        } else if (typeof item.value === 'string') controller.enqueue(encoder.encode(comments[item.value]));
        else controller.enqueue(encoder.encode(toFrame(item.value)));
      } catch (error) {
        if (isClosed) return;
        options.onError(toAppError(error).message);
        close();
        controller.close();
      }
    },
    cancel: close,
  });
}

/** The next item, or a heartbeat when none comes in time. */
async function raceHeartbeat<T>(next: Promise<T>, heartbeatMs: number): Promise<T | 'heartbeat'> {
  let timer: NodeJS.Timeout | undefined;
  const heartbeat = new Promise<'heartbeat'>((resolve) => {
    timer = setTimeout(() => resolve('heartbeat'), heartbeatMs);
  });
  try {
    return await Promise.race([next, heartbeat]);
  } finally {
    clearTimeout(timer);
  }
}

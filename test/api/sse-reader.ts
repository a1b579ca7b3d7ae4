import { createParser } from 'eventsource-parser';
import { eventSchema, type EventView } from '../../api/events/event-view.ts';

/** An event as it came over the wire. */
export interface WireEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: EventView;
}

/** Reads a `text/event-stream` answer to its end, or until `enough` says so. */
export async function readStream(
  response: Response,
  enough: (events: readonly WireEvent[], comments: readonly string[]) => boolean = () => false,
): Promise<{ readonly events: WireEvent[]; readonly comments: string[] }> {
  const events: WireEvent[] = [];
  const comments: string[] = [];
  if (response.body === null) return { events, comments };
  const parser = createParser({
    onEvent: ({ id, event, data }) => void events.push({ id, event, data: eventSchema.parse(JSON.parse(data)) }),
    onComment: (comment) => void comments.push(comment.trim()),
  });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { events, comments };
    parser.feed(decoder.decode(value, { stream: true }));
    if (!enough(events, comments)) continue;
    await reader.cancel();
    return { events, comments };
  }
}

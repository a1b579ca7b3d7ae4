import { z } from 'zod';
import type { RunEvent } from '../../domain/events.ts';

/** An event as the native door shows it: numbered densely from 0, the same on every read. */
export const eventSchema = z
  .strictObject({
    seq: z.int(),
    type: z.string(),
    at: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });
export type EventView = z.infer<typeof eventSchema>;

/** A page of events. */
export const eventListSchema = z
  .strictObject({ object: z.literal('list'), data: z.array(eventSchema), has_more: z.boolean() })
  .meta({ id: 'EventList' });

/** Names in the door's spelling, at every depth. */
function toSnakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toSnakeCase);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [
    name.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`),
    toSnakeCase(inner),
  ]);
  return Object.fromEntries(entries);
}

/** An event in the door's spelling. */
export function viewEvent(event: RunEvent): EventView {
  const data = z.record(z.string(), z.unknown()).parse(toSnakeCase(event.data));
  return { seq: event.seq, type: event.type, at: new Date(event.atMs).toISOString(), data };
}

/** An event as a frame of `text/event-stream`. */
export function toFrame(event: RunEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(viewEvent(event))}\n\n`;
}

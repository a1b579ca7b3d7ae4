import { z } from 'zod';
import { AppError, toAppError } from '../../domain/errors.ts';
import type { RunEvent } from '../../domain/events.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { ApiMetrics } from '../http/metrics.ts';
import { problemResponse } from '../http/problem.ts';
import { readEventNumber } from '../http/read-query.ts';
import type { ApiPorts } from '../ports.ts';
import { findFirstExecution } from '../runs/find-first-execution.ts';
import type { RunReader } from '../runs/run-reader.ts';
import type { EventFollower } from './event-follower.ts';
import { toEventStream } from './event-stream.ts';
import { viewEvent } from './event-view.ts';
import { walkEvents } from './walk-events.ts';

/** Query of the events. */
export const eventsQuerySchema = z.strictObject({
  after_seq: z.string().optional(),
  limit: z
    .string()
    .regex(/^\d{1,4}$/u, 'a whole number from 1 to 1000')
    .transform(Number)
    .pipe(z.int().min(1).max(1_000))
    .default(200),
});

/** What the events of a run are read with. */
export interface EventsPorts {
  readonly api: ApiPorts;
  readonly follower: EventFollower;
  readonly read: RunReader;
  readonly metrics: ApiMetrics;
  readonly heartbeatMs: number;
}

/** What a reader asked for. */
export interface EventsRequest {
  readonly run: RunRef;
  readonly query: z.infer<typeof eventsQuerySchema>;
  readonly lastEventId: string | undefined;
  readonly accept: string | undefined;
  /** A HEAD request: the stream is not opened. */
  readonly isHead: boolean;
  readonly instance: string;
}

/** A run's events: a stream when asked for one, else a page. */
export async function answerEvents(ports: EventsPorts, request: EventsRequest): Promise<Response> {
  const { run, query, lastEventId } = request;
  // A browser repeats the URL of its first request when it comes back; the header says where it is.
  const given = lastEventId === undefined || lastEventId === '' ? query.after_seq : lastEventId;
  const field = given === query.after_seq ? '/after_seq' : 'last-event-id';
  const afterSeq = readEventNumber(field, given);
  const firstExecutionId = await findFirstExecution(ports.api, run);
  if (firstExecutionId === null) return await answerUnknown(ports, request);
  const isStream = (request.accept ?? '').toLowerCase().includes('text/event-stream');
  try {
    const position = { firstExecutionId, afterSeq };
    return isStream ? await openStream(ports, request, position) : await readPage(ports, request, position);
  } catch (error) {
    if (toAppError(error).type !== 'Input.NotFound') throw error;
    return await answerUnknown(ports, request);
  }
}

/** 404 for a run that was never here; 410 for one whose history the engine has let go. */
async function answerUnknown({ read }: EventsPorts, { run, instance }: EventsRequest): Promise<Response> {
  const { manifest } = await read(run);
  if (manifest === null) throw new AppError('Input.NotFound', { what: 'there is no such run' });
  return problemResponse({
    type: 'urn:longhaul:problem:history_gone',
    title: 'history no longer kept',
    status: 410,
    detail: `The engine no longer keeps the events of this run. Its records stand: GET ${instance.replace(/events.*$/u, 'trajectory')}.`,
    instance,
    code: 'history_gone',
    errors: [],
  });
}

interface Position {
  readonly firstExecutionId: string;
  readonly afterSeq: number;
}

async function readPage({ api }: EventsPorts, { run, query }: EventsRequest, position: Position): Promise<Response> {
  const { engine } = api;
  const { signal } = new AbortController();
  const found: RunEvent[] = [];
  const { firstExecutionId, afterSeq } = position;
  for await (const page of walkEvents({ engine, run, firstExecutionId, wait: false, signal })) {
    found.push(...page.filter((event) => event.seq > afterSeq));
    if (found.length > query.limit) break;
  }
  const data = found.slice(0, query.limit).map(viewEvent);
  return Response.json({ object: 'list', data, has_more: found.length > query.limit });
}

async function openStream(ports: EventsPorts, request: EventsRequest, position: Position): Promise<Response> {
  const headers = {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  };
  if (request.isHead) return new Response(null, { headers });
  const { follower, metrics, api } = ports;
  const { run } = request;
  const isEnded = await hasEnded(ports, run);
  const stop = new AbortController();
  const items = follower.follow(run, { ...position, signal: stop.signal });
  const first = isEnded ? items.next() : null;
  // Nothing after the last event of a run that has ended: 204 tells a browser not to come back.
  if (first !== null && (await first).done === true) return new Response(null, { status: 204 });
  metrics.eventReaders.inc();
  const stream = toEventStream({
    items,
    first,
    heartbeatMs: ports.heartbeatMs,
    stop,
    onClose: () => metrics.eventReaders.dec(),
    onError: (message) => api.log.error({ runId: run.runId, failure: message }, 'an event stream broke'),
  });
  return new Response(stream, { headers });
}

/** While the engine is away nothing is known to have ended, and the stream waits. */
async function hasEnded({ read, api }: EventsPorts, run: RunRef): Promise<boolean> {
  try {
    const { outcome } = await read(run);
    if (outcome === null) return (await api.engine.describe(run))?.status !== 'running';
    // The last word is written a moment before the engine closes the run: its last event may still come.
    return true;
  } catch (error) {
    if (toAppError(error).type === 'Engine.Unavailable') return false;
    throw error;
  }
}

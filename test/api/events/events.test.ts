import { describe, expect, it, vi } from 'vitest';
import { createEventFollower, type FollowItem } from '../../../api/events/event-follower.ts';
import { eventListSchema } from '../../../api/events/event-view.ts';
import { problemSchema } from '../../../api/http/problem.ts';
import type { EngineEvent } from '../../../api/ports.ts';
import { createFixture } from '../api-fixture.ts';
import { createFakeEngine, type FakeEngine } from '../fake-engine.ts';
import { aModelReceipt, aToolReceipt, createHistory } from '../history-builder.ts';
import { readStream } from '../sse-reader.ts';

const runId = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const run = { tenant: 'default', runId };
const path = `/v1/research/rsch_${runId}/events`;
const sse = { accept: 'text/event-stream' };

/** Two executions with a turn each; the second is still open, or has ended. */
function aChain(isEnded: boolean): Record<string, EngineEvent[]> {
  const first = createHistory().started({ carry: null }).decided();
  first.completed(first.scheduled('openRun', {}), {}).decided();
  first.completed(first.scheduled('callModel', { seq: 0, turn: 1, purpose: 'turn' }), aModelReceipt()).decided();
  const call = first.scheduled('callTool', { seq: 1, turn: 1, tool: 'echo', modelSeq: 0, callIndex: 0 }, 'tools');
  first.completed(call, aToolReceipt()).decided().continuedAsNew('second');
  const second = createHistory().started({ carry: null }, 'first').decided();
  second.completed(
    second.scheduled('callModel', { seq: 2, turn: 2, purpose: 'final' }),
    aModelReceipt({ stop: 'end' }),
  );
  second.decided();
  if (isEnded) second.done({ outcome: 'answered', stopReason: 'answered', trajectoryDigest: 'd', preview: 'p' });
  return { first: first.events, second: second.events };
}

async function aFixture(isEnded: boolean, options = {}) {
  const fixture = createFixture(options);
  const fake = fixture.engine.add(runId, aChain(isEnded), isEnded ? 'completed' : 'running');
  await fixture.trajectory.putStart(run, { firstExecutionId: 'first', workflowId: `research/default/${runId}` });
  return { ...fixture, fake };
}

/** Ends the open run of {@link aFixture}. */
function end(engine: FakeEngine): void {
  const known = engine.runs.get(runId);
  const events = known?.executions.get('second');
  if (known === undefined || events === undefined) throw new Error('no such run');
  const last = createHistory();
  while (last.events.length < events.length) last.updateAccepted('filler');
  last.done({ outcome: 'abstained' });
  events.push(...last.events.slice(-1));
  known.status = 'completed';
  engine.wake();
}

const types = [
  'run.started',
  'system.started',
  'system.completed',
  'step.started',
  'step.completed',
  'step.started',
  'step.completed',
  'step.started',
  'step.completed',
];

describe('event stream', () => {
  it("an ended run: → all events, dense, with their ids and types, in the door's spelling", async () => {
    const { get } = await aFixture(true);
    const response = await get(path, sse);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const { events } = await readStream(response);
    expect(events.map(({ event }) => event)).toEqual([...types, 'run.completed']);
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => String(index)));
    expect(events[4]?.data).toMatchObject({
      seq: 4,
      type: 'step.completed',
      data: { kind: 'model', turn: 1, record_digest: 'a'.repeat(64), usage: { input_tokens: 100 }, cost_micro_usd: 7 },
    });
  });

  it('every position: → by header and by parameter the same tail; after the last 204', async () => {
    const { get } = await aFixture(true);
    const all = (await readStream(await get(path, sse))).events;
    for (let from = 0; from < all.length - 1; from += 1) {
      const byHeader = await readStream(await get(`${path}?after_seq=0`, { ...sse, 'last-event-id': String(from) }));
      const byQuery = await readStream(await get(`${path}?after_seq=${from}`, sse));
      expect(byHeader.events).toEqual(all.slice(from + 1));
      expect(byQuery.events).toEqual(all.slice(from + 1));
    }
    expect((await get(path, { ...sse, 'last-event-id': String(all.length - 1) })).status).toBe(204);
  });

  it('a live run: → goes on from what was to what comes, and ends with the terminal event', async () => {
    const { get, engine } = await aFixture(false);
    const response = await get(path, sse);
    const read = readStream(response, (events) => {
      if (events.length === types.length) end(engine);
      return false;
    });
    const { events } = await read;
    expect(events.map(({ event }) => event)).toEqual([...types, 'run.incomplete']);
  });

  it('many readers: → one poll; each gets everything', async () => {
    const { get, engine, api } = await aFixture(false);
    const responses = await Promise.all(Array.from({ length: 20 }, () => get(path, sse)));
    let caughtUp = 0;
    const all = await Promise.all(
      responses.map((response) =>
        readStream(response, (events) => {
          if (events.length === types.length && (caughtUp += 1) === responses.length) end(engine);
          return false;
        }),
      ),
    );
    expect(all.every(({ events }) => events.length === types.length + 1)).toBe(true);
    expect(engine.reads.most).toBe(1);
    api.close();
  });

  it('silence: → a comment as heartbeat', async () => {
    const { get, api } = await aFixture(false, { heartbeatMs: 5 });
    const { comments } = await readStream(await get(path, sse), (_, seen) => seen.length === 2);
    expect(comments).toEqual(['heartbeat', 'heartbeat']);
    api.close();
  });

  it('the engine goes away and comes back: → the stream stays open, says so, and loses nothing', async () => {
    const { get, engine } = await aFixture(false);
    const response = await get(path, sse);
    let step = 0;
    const { events, comments } = await readStream(response, (seen, said) => {
      if (step === 0 && seen.length === types.length) {
        step = 1;
        engine.isAway = true;
        engine.wake();
      } else if (step === 1 && said.includes('engine away, waiting')) {
        step = 2;
        engine.isAway = false;
        end(engine);
      }
      return false;
    });
    expect(comments[0]).toBe('engine away, waiting');
    expect(events.map(({ event }) => event)).toEqual([...types, 'run.incomplete']);
    expect(events.map(({ data }) => data.seq)).toEqual(events.map((_, index) => index));
  });

  it('leaving: → never cancels the run; the poll ends when nobody came back', async () => {
    const { get, engine, api } = await aFixture(false, { idleMs: 5 });
    await readStream(await get(path, sse), (events) => events.length === 3);
    expect(engine.cancels).toEqual([]);
    await vi.waitFor(async () => {
      const metrics = await (await get('/metrics')).text();
      expect(metrics).toContain('longhaul_api_event_logs 0');
      expect(metrics).toContain('longhaul_api_event_readers 0');
    });
    expect(engine.reads.waiting).toBe(0);
    api.close();
  });

  it('a history that is gone: → 410 that names the trajectory; a run that never was: 404', async () => {
    const { get, engine, aRun } = await aFixture(true);
    const manifest = await aRun();
    await readStream(await get(path, sse));
    engine.runs.delete(runId);
    const gone = `/v1/research/rsch_${manifest.runId}/events`;
    for (const headers of [sse, {}]) {
      const response = await get(gone, headers);
      expect(response.status).toBe(410);
      expect(problemSchema.parse(await response.json())).toMatchObject({ code: 'history_gone' });
    }
    expect((await get('/v1/research/rsch_01ARZ3NDEKTSV4RRFFQ69G5FAW/events', sse)).status).toBe(404);
  });

  it('HEAD: → the headers, and no reader', async () => {
    const { api, engine } = await aFixture(false);
    const response = await api.app.request(path, { method: 'HEAD', headers: sse });
    expect(response.status).toBe(200);
    expect(engine.reads.total).toBe(0);
  });
});

describe('event pages', () => {
  it('pages: → the events of the stream, has_more until the end', async () => {
    const { get } = await aFixture(true);
    const all = (await readStream(await get(path, sse))).events.map(({ data }) => data);
    const first = await (await get(`${path}?limit=4`)).json();
    expect(first).toEqual({ object: 'list', data: all.slice(0, 4), has_more: true });
    const second = await (await get(`${path}?limit=100&after_seq=3`)).json();
    expect(second).toEqual({ object: 'list', data: all.slice(4), has_more: false });
  });

  it('a live run: → what there is, at once', async () => {
    const { get } = await aFixture(false);
    const page = eventListSchema.parse(await (await get(path)).json());
    expect(page).toMatchObject({ has_more: false });
    expect(page.data).toHaveLength(types.length);
  });

  it('the engine away: → 503', async () => {
    const { get, engine } = await aFixture(true);
    engine.isAway = true;
    expect((await get(path)).status).toBe(503);
  });
});

async function drain(items: AsyncGenerator<FollowItem>): Promise<number[]> {
  const seen: number[] = [];
  for await (const item of items) if (typeof item !== 'string') seen.push(item.seq);
  return seen;
}

describe('event follower', () => {
  it('a reader that fell behind what is kept: → reads the history again and misses nothing', async () => {
    const engine = createFakeEngine();
    const history = createHistory().started({ carry: null });
    for (let seq = 0; seq < 40; seq += 1)
      history.completed(history.scheduled('callModel', { seq, turn: seq }), aModelReceipt());
    history.done({ outcome: 'answered' });
    engine.add(runId, { only: history.events }, 'completed');
    const follower = createEventFollower({ engine, idleMs: 1_000, maxEvents: 8 });
    const { signal } = new AbortController();
    const follow = (afterSeq: number) => follower.follow(run, { firstExecutionId: 'only', afterSeq, signal });
    const expected = Array.from({ length: 82 }, (_, index) => index);
    // The first reader runs beside the filling log, the second comes when only the tail is kept.
    expect(await drain(follow(-1))).toEqual(expected);
    const readsBefore = engine.reads.total;
    expect(await drain(follow(10))).toEqual(expected.slice(11));
    expect(engine.reads.total).toBeGreaterThan(readsBefore);
    expect(await drain(follow(80))).toEqual([81]);
    follower.close();
  });
});

import { createHistoryArchive } from '../../activities/storage/history-archive.ts';
import { createHistoryReader } from '../../activities/storage/history-reader.ts';
import { monotonicFactory } from 'ulid';
import { z } from 'zod';
import { eventListSchema } from '../../api/events/event-view.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createApi, type Api } from '../../api/create-api.ts';
import { createTemporalEngine } from '../../api/engine/temporal-engine.ts';
import { problemSchema } from '../../api/http/problem.ts';
import { toOwnHosts } from '../../api/http/safety.ts';
import { fromPublicId, runListSchema, runSchema, type RunView } from '../../api/runs/run-schemas.ts';
import { type ApiServer, serveApi } from '../../api/serve.ts';
import { decodeFirst } from '../../api/events/decode.ts';
import { walkEvents } from '../../api/events/walk-events.ts';
import { stepSchema } from '../../api/trajectory/show-step.ts';
import type { ApiPorts } from '../../api/ports.ts';
import { connectClient, loadTemporalConfig } from '../../workers/compose/temporal.ts';
import { digestManifest, runManifestSchema } from '../../domain/manifest.ts';
import { digestRecord, extendHead, extendTrajectory, stepRecordSchema, trajectoryRoot } from '../../domain/record.ts';
import { runOutcomeSchema } from '../../domain/outcome.ts';
import { mirothinkerV1 } from '../../domain/profile.ts';
import { toWorkflowId } from '../../domain/ids.ts';
import { loadHttpTools } from '../../workers/compose/catalog.ts';
import { toToolDefinition } from '../../activities/tools/adapters/http-tool.ts';
import { builtInTools } from '../../domain/tool-catalog.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { waitFor } from '../support/processes.ts';
import { readStream } from './sse-reader.ts';

const turns = 66;

let surroundings: Surroundings;
let house: House;
let api: Api;
let ports: ApiPorts;
let server: ApiServer;
let url: string;

beforeAll(async () => {
  const echo = { server: 'test', tool: 'echo', arguments: { turn: '{seq}' } };
  const search = { server: 'search_and_scrape_webpage', tool: 'google_search', arguments: { q: 'lighthouse' } };
  surroundings = await openSurroundings({
    generate: 'loop',
    turns,
    // The first call is one that most runs here refuse, and that one of them waits with.
    tools: [search, ...Array.from({ length: turns }, () => echo)],
    final: { text: 'Done.\n\\boxed{done}' },
  });
  house = await openHouse({
    temporalAddress: inject('temporalAddress'),
    surroundings,
    processes: [['orchestrator', 'model', 'tools']],
  });
  const base = mirothinkerV1('longhaul-scripted');
  const echoes = { ...base, name: 'echoes', tools: ['echo'] };
  // A tool of a pool that no process of this house serves.
  const unserved = { ...base, name: 'unserved', tools: ['google_search'] };
  const tools = [...builtInTools(), ...loadHttpTools(house.env['LONGHAUL_TOOLS_FILE'] ?? null).map(toToolDefinition)];
  const nextUlid = monotonicFactory();
  let ownHosts: ReadonlySet<string> = new Set();
  ports = {
    engine: createTemporalEngine({ client: house.client, queuePrefix: house.queuePrefix }),
    ...house.storage,
    history: createHistoryReader({ trajectory: house.storage.trajectory, maxRuns: 10 }),
    archive: createHistoryArchive(house.storage.objects),
    catalog: { profiles: new Map([echoes, unserved].map((profile) => [profile.name, profile])), tools },
    settings: { tenant: 'default', queuePrefix: house.queuePrefix, standIn: true, timeZone: 'UTC' },
    ownHosts: () => ownHosts,
    now: () => Date.now(),
    newUlid: (nowMs) => nextUlid(nowMs),
    log: { info: () => {}, warn: () => {}, error: () => {} },
  };
  api = createApi(ports);
  server = await serveApi(api.app, '127.0.0.1', 0);
  ownHosts = toOwnHosts(server.port);
  url = `http://127.0.0.1:${server.port}`;
});

afterAll(async () => {
  api?.close();
  await server?.close();
  await house?.close();
  await surroundings?.close();
});

const stream = (id: string, afterSeq?: number) =>
  fetch(`${url}/v1/research/${id}/events`, {
    headers: { accept: 'text/event-stream', ...(afterSeq === undefined ? {} : { 'last-event-id': String(afterSeq) }) },
  });

async function submit(body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/v1/research`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { response, run: runSchema.parse(await response.json()) };
}

const read = async (id: string): Promise<RunView> =>
  runSchema.parse(await (await fetch(`${url}/v1/research/${id}`)).json());

const list = async (query: string) => runListSchema.parse(await (await fetch(`${url}/v1/research?${query}`)).json());

const cancel = (id: string) => fetch(`${url}/v1/research/${id}/cancel`, { method: 'POST' });

describe('the API on a real engine', () => {
  let finished: RunView;

  it('submit and follow: → 202, dense numbers across a continue-as-new, a terminal event, the answer', async () => {
    const { response, run } = await submit(
      { input: 'How many turns?', profile: 'echoes' },
      { 'idempotency-key': 'follow-1' },
    );
    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`/v1/research/${run.id}`);
    expect(run).toMatchObject({ object: 'research', status: 'queued', stand_in: true, input: 'How many turns?' });

    const { events } = await readStream(await stream(run.id));
    expect(events.map(({ id }) => Number(id))).toEqual(events.map((_, index) => index));
    expect(events.every(({ id, event, data }) => Number(id) === data.seq && event === data.type)).toBe(true);
    expect(events.at(0)?.event).toBe('run.started');
    expect(events.at(-1)).toMatchObject({ event: 'run.completed', data: { data: { outcome: 'answered' } } });
    expect(events.filter(({ event }) => event === 'run.started')).toHaveLength(1);
    const runId = fromPublicId(run.id) ?? '';
    const described = await house.client.workflow.getHandle(toWorkflowId({ tenant: 'default', runId })).describe();
    const start = await house.storage.trajectory.readStart({ tenant: 'default', runId });
    expect(start?.firstExecutionId).not.toBe(described.runId);

    finished = await read(run.id);
    expect(finished).toMatchObject({
      status: 'completed',
      outcome: 'answered',
      stop_reason: 'answered',
      answer: 'done',
    });
    expect(finished.progress).toMatchObject({ turn: turns + 1, tool_calls: turns - 1, phase: 'ended' });
    expect(finished.usage.input_tokens).toBeGreaterThan(0);
    expect(finished.waitingFor).toBeNull();
    expect(events.filter(({ event }) => event === 'step.completed')).toHaveLength(finished.progress.steps);
  });

  it("numbering: → the workflow's own count at the seam is the number of the next event", async () => {
    const run = { tenant: 'default', runId: fromPublicId(finished.id) ?? '' };
    const start = await house.storage.trajectory.readStart(run);
    const { signal } = new AbortController();
    const walked: number[] = [];
    const firstExecutionId = start?.firstExecutionId ?? '';
    for await (const page of walkEvents({ engine: ports.engine, run, firstExecutionId, wait: false, signal })) {
      walked.push(...page.map(({ seq }) => seq));
    }
    const { runId: lastId } = await house.client.workflow.getHandle(toWorkflowId(run)).describe();
    const last = await ports.engine.readHistory({ run, executionId: lastId, pageToken: null, wait: false, signal });
    const input = decodeFirst(last.events[0]?.workflowExecutionStartedEventAttributes?.input);
    const { carry } = z.object({ carry: z.object({ nextEvent: z.int() }) }).parse(input);
    const ownEvents = walked.length - carry.nextEvent;
    const eligible = last.events.filter(
      (event) =>
        event.activityTaskScheduledEventAttributes ??
        event.activityTaskCompletedEventAttributes ??
        event.workflowExecutionCompletedEventAttributes,
    );
    expect(ownEvents).toBe(eligible.length);
  });

  it('reconnect: → at every position the same tail', async () => {
    const all = (await readStream(await stream(finished.id))).events;
    expect(all.length).toBeGreaterThan(200);
    for (let from = 0; from < all.length - 1; from += 1) {
      const tail = (await readStream(await stream(finished.id, from))).events;
      expect({ from, tail }).toEqual({ from, tail: all.slice(from + 1) });
    }
    expect((await stream(finished.id, all.length - 1)).status).toBe(204);
    const paged: unknown[] = [];
    for (let after = ''; ;) {
      const answer = await fetch(`${url}/v1/research/${finished.id}/events?limit=97${after}`);
      const page = eventListSchema.parse(await answer.json());
      paged.push(...page.data);
      if (!page.has_more) break;
      after = `&after_seq=${page.data.at(-1)?.seq}`;
    }
    expect(paged).toEqual(all.map(({ data }) => data));
  });

  it('repeat: → the same run under its key, 422 for another body', async () => {
    const again = await submit({ input: 'How many turns?', profile: 'echoes' }, { 'idempotency-key': 'follow-1' });
    expect(again.response.status).toBe(202);
    expect(again.response.headers.get('idempotency-replayed')).toBe('true');
    expect(again.run).toEqual(finished);
    const other = await fetch(`${url}/v1/research`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'follow-1' },
      body: JSON.stringify({ input: 'another', profile: 'echoes' }),
    });
    expect(other.status).toBe(422);
    expect(problemSchema.parse(await other.json()).code).toBe('idempotency_mismatch');
  });

  it('trajectory: → loads again to the same head and trajectory digest', async () => {
    const text = await (await fetch(`${url}/v1/research/${finished.id}/trajectory`)).text();
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
    const { type: first, digest, ...manifest } = lines[0] ?? {};
    expect(first).toBe('run');
    expect(digestManifest(runManifestSchema.parse(manifest))).toBe(digest);
    let head = String(digest);
    let chain = trajectoryRoot;
    for (const { type, digest: stepDigest, ...rest } of lines.slice(1, -1)) {
      expect(type).toBe('step');
      const shown = z.array(z.looseObject({ text: z.string() })).parse(rest['contents']);
      const contents = shown.map(({ text: _text, ...ref }) => ref);
      const record = stepRecordSchema.parse({ ...rest, contents });
      expect(digestRecord(record)).toBe(stepDigest);
      head = extendHead(head, String(stepDigest));
      chain = extendTrajectory(chain, record);
    }
    const { type: last, ...outcome } = lines.at(-1) ?? {};
    expect(last).toBe('outcome');
    expect(runOutcomeSchema.parse(outcome)).toMatchObject({ head, trajectoryDigest: chain });
    expect(finished).toMatchObject({ head, trajectory_digest: chain });
  });

  it('step: → a tool with its arguments and observation', async () => {
    const step = stepSchema.parse(await (await fetch(`${url}/v1/research/${finished.id}/steps/3`)).json());
    expect(step).toMatchObject({ n: 3, kind: 'tool', status: 'ok', request: { tool: 'echo', model_step: 2 } });
    expect(step.response).toContain('turn');
  });

  it('a pool without a worker: → waitingFor names queue and pool; cancel ends the run, a second cancel changes nothing', async () => {
    const { run } = await submit({ input: 'Who serves the web pool?', profile: 'unserved' });
    const waiting = await waitFor('a run that says what it waits for', async () => {
      const view = await read(run.id);
      return view.waitingFor === null ? null : view;
    });
    const queue = `${house.queuePrefix}web`;
    expect(waiting.waitingFor).toMatchObject({ reason: 'no_worker', activity: 'callTool', pool: 'web', queue });
    expect(waiting).toMatchObject({ status: 'in_progress', progress: { turn: 1, phase: 'using_tools' } });
    const cancelled = await cancel(run.id);
    expect(cancelled.status).toBe(202);
    const ended = await waitFor('the end of the run', async () => {
      const view = await read(run.id);
      return view.completed_at === null ? null : view;
    });
    expect(ended).toMatchObject({ status: 'cancelled', outcome: 'cancelled', stop_reason: 'cancelled', error: null });
    const { events } = await readStream(await stream(run.id));
    expect(events.at(-1)?.event).toBe('run.cancelled');
    const again = await cancel(run.id);
    expect(again.status).toBe(200);
    expect(runSchema.parse(await again.json())).toEqual(ended);
  });

  it('list: → this tenant, newest first, pages without gaps', async () => {
    const ids = new Set<string>();
    for (let index = 0; index < 5; index += 1)
      ids.add((await submit({ input: `run ${index}`, profile: 'echoes' })).run.id);
    await waitFor('all runs in the index', async () => {
      const { data } = await list('limit=100');
      return [...ids].every((id) => data.some((run) => run.id === id)) ? true : null;
    });
    const all = (await list('limit=100')).data.map(({ id }) => id);
    expect(all).toEqual(all.toSorted().toReversed());
    const paged: string[] = [];
    for (let after = ''; ;) {
      const page = await list(`limit=2${after}`);
      paged.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
      after = `&after=${page.last_id}`;
    }
    expect(paged).toEqual(all);
    const ascending = (await list('limit=100&order=asc')).data.map(({ id }) => id);
    expect(ascending).toEqual(all.toReversed());
    const completed = await list('status=completed&limit=100');
    expect(completed.data.map(({ id }) => id)).toContain(finished.id);
    expect(completed.data.every(({ status }) => status === 'completed')).toBe(true);
    for (const id of ids) await cancel(id);
  });

  it('no orchestrator: → waitingFor names it, and a cancel is taken without one', async () => {
    const queuePrefix = `${house.queuePrefix}nobody-`;
    const engine = createTemporalEngine({ client: house.client, queuePrefix });
    const lonely = createApi({ ...ports, engine, settings: { ...ports.settings, queuePrefix } });
    const headers = { 'content-type': 'application/json', host: `127.0.0.1:${server.port}` };
    const body = JSON.stringify({ input: 'Is anybody there?', profile: 'echoes' });
    const submitted = await lonely.app.request('/v1/research', { method: 'POST', headers, body });
    const { id } = runSchema.parse(await submitted.json());
    const handle = house.client.workflow.getHandle(toWorkflowId({ tenant: 'default', runId: fromPublicId(id) ?? '' }));
    try {
      const waiting = await waitFor('a run that says what it waits for', async () => {
        const view = runSchema.parse(await (await lonely.app.request(`/v1/research/${id}`, { headers })).json());
        return view.waitingFor === null ? null : view;
      });
      expect(waiting.status).toBe('queued');
      expect(waiting.waitingFor).toMatchObject({
        reason: 'no_worker',
        pool: 'orchestrator',
        queue: `${queuePrefix}orchestrator`,
      });
      const cancelled = await lonely.app.request(`/v1/research/${id}/cancel`, { method: 'POST', headers });
      expect(cancelled.status).toBe(202);
      const { events } = await readStream(await stream(id), (seen) => seen.length === 2);
      expect(events.map(({ event }) => event)).toEqual(['run.started', 'run.cancel_requested']);
    } finally {
      await handle.terminate('the test ended');
      lonely.close();
    }
    const { events } = await readStream(await stream(id));
    expect(events.at(-1)?.event).toBe('run.failed');
    expect(await read(id)).toMatchObject({ status: 'failed', stop_reason: 'error', error: { type: 'terminated' } });
  });

  it('a model that is away: → waitingFor says so and waitUntil when it is tried again', async () => {
    await surroundings.model.close();
    const { run } = await submit({ input: 'Is the model there?', profile: 'echoes' });
    const waiting = await waitFor('a run that says what it waits for', async () => {
      const view = await read(run.id);
      return view.waitingFor === null ? null : view;
    });
    expect(waiting.waitingFor).toMatchObject({ reason: 'Model.Unavailable', activity: 'callModel', pool: 'model' });
    expect(waiting.waitingFor?.attempt).toBeGreaterThan(1);
    expect(waiting.waitUntil).not.toBeNull();
    await cancel(run.id);
    const { events } = await readStream(await stream(run.id));
    expect(events.at(-1)?.event).toBe('run.cancelled');
  });

  it('an engine that is away: → 503 with Retry-After, without waiting for it to come back', async () => {
    const client = connectClient(loadTemporalConfig({ TEMPORAL_ADDRESS: '127.0.0.1:1' }));
    const away = createApi({ ...ports, engine: createTemporalEngine({ client, queuePrefix: house.queuePrefix }) });
    try {
      const response = await away.app.request('/v1/research', {
        method: 'POST',
        headers: { 'content-type': 'application/json', host: `127.0.0.1:${server.port}` },
        body: JSON.stringify({ input: 'q', profile: 'echoes' }),
      });
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(problemSchema.parse(await response.json()).code).toBe('engine_unavailable');
    } finally {
      away.close();
      await client.connection.close();
    }
  });
});

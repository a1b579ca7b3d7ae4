import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../api/http/problem.ts';
import type { PendingActivity } from '../../api/ports.ts';
import { runSchema } from '../../api/runs/run-schemas.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import { anOutcome as anEnd } from '../support/facts.ts';
import { createFixture, nowMs, pricedProfile } from './api-fixture.ts';
import { aModelReceipt, aToolReceipt, createHistory } from './history-builder.ts';

const aPending = (change: Partial<PendingActivity> = {}): PendingActivity => ({
  activity: 'callModel',
  state: 'scheduled',
  attempt: 1,
  scheduledAtMs: nowMs - 1_000,
  nextAttemptAtMs: null,
  lastFailure: null,
  reportedWait: null,
  heartbeatAtMs: null,
  taskQueue: 'model',
  ...change,
});

const anOutcome = (runId: string, change: Partial<RunOutcome> = {}): RunOutcome =>
  anEnd({
    runId,
    answer: 'Hook Head',
    report: 'It is \\boxed{Hook Head}',
    sources: [{ url: 'https://example.org/hook', title: 'Hook' }],
    spent: { turns: 3, toolCalls: 2, inputTokens: 300, outputTokens: 40, cachedTokens: 100, costMicroUsd: 1_500 },
    costMicroUsd: 1_500,
    steps: 6,
    head: 'a'.repeat(64),
    trajectoryDigest: 'b'.repeat(64),
    startedAtMs: nowMs,
    endedAtMs: nowMs + 60_000,
    ...change,
  });

/** A live run with a turn behind it and a model call open. */
async function aLiveRun(about = {}) {
  const fixture = createFixture();
  const manifest = await fixture.aRun(about);
  const history = createHistory().started({ carry: null }).decided();
  history.completed(history.scheduled('openRun', {}, 'orchestrator'), {});
  history.completed(history.scheduled('callModel', { seq: 0, turn: 1, purpose: 'turn' }), aModelReceipt());
  history.completed(history.scheduled('callTool', { seq: 1, turn: 1 }, 'tools'), aToolReceipt());
  const refused = { recordDigest: 'c', model: null, tool: aToolReceipt() };
  history.completed(history.scheduled('closeStep', { seq: 2, turn: 1 }, 'orchestrator'), refused);
  history.scheduled('callModel', { seq: 3, turn: 2, purpose: 'turn' });
  const fake = fixture.engine.add(manifest.runId, { first: history.events });
  const read = async () => {
    const response = await fixture.get(`/v1/research/${manifest.runId}`);
    return runSchema.parse(await response.json());
  };
  return { ...fixture, manifest, fake, read, history };
}

describe('a run that has ended', () => {
  it('archive: → answer, sources, usage, cost, stop reason, digests; the engine is not asked', async () => {
    const { get, engine, trajectory, aRun } = createFixture();
    const { runId } = await aRun({ profile: pricedProfile });
    await trajectory.putOutcome(anOutcome(runId));
    engine.isAway = true;
    const run = runSchema.parse(await (await get(`/v1/research/rsch_${runId}`)).json());
    expect(run).toMatchObject({
      id: `rsch_${runId}`,
      status: 'completed',
      outcome: 'answered',
      stop_reason: 'answered',
      answer: 'Hook Head',
      report: 'It is \\boxed{Hook Head}',
      sources: [{ url: 'https://example.org/hook', title: 'Hook' }],
      usage: { input_tokens: 300, output_tokens: 40, cached_tokens: 100 },
      cost_usd: 0.0015,
      progress: { turn: 3, tool_calls: 2, steps: 6, phase: 'ended' },
      budget: { spent_usd: 0.0015, max_turns: 600 },
      head: 'a'.repeat(64),
      trajectory_digest: 'b'.repeat(64),
      completed_at: '2026-11-24T10:01:00.000Z',
      waitingFor: null,
      error: null,
    });
  });

  it.each([
    ['abstained', 'abstained', 'incomplete'],
    ['budget_exhausted', 'deadline', 'incomplete'],
    ['cancelled', 'cancelled', 'cancelled'],
    ['failed', 'error', 'failed'],
  ] as const)('outcome %s: → %s, status %s', async (outcome, stopReason, status) => {
    const { get, trajectory, aRun } = createFixture();
    const { runId } = await aRun();
    const failure = outcome === 'failed' ? { type: 'Model.Auth', message: 'refused' } : null;
    await trajectory.putOutcome(anOutcome(runId, { outcome, stopReason, failure, answer: null, costMicroUsd: null }));
    const run = runSchema.parse(await (await get(`/v1/research/${runId}`)).json());
    expect(run).toMatchObject({
      outcome,
      stop_reason: stopReason,
      status,
      error: failure,
      answer: null,
      cost_usd: null,
    });
  });

  it('cancel: → 200 with the run as it is, the engine is not asked', async () => {
    const { post, trajectory, aRun, engine } = createFixture();
    const { runId } = await aRun();
    await trajectory.putOutcome(anOutcome(runId));
    const response = await post(`/v1/research/${runId}/cancel`, {});
    expect(response.status).toBe(200);
    expect(runSchema.parse(await response.json()).status).toBe('completed');
    expect(engine.cancels).toEqual([]);
  });

  it('terminated by an operator: → failed, with the reason', async () => {
    const { fake, history, read } = await aLiveRun();
    history.terminated();
    fake.status = 'terminated';
    expect(await read()).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      progress: { phase: 'ended' },
      error: { type: 'terminated', message: 'the engine ended the run: terminated' },
    });
  });
});

describe('a live run', () => {
  it('progress: → turn, tool calls, steps, tokens and phase from its receipts', async () => {
    const { read } = await aLiveRun({ profile: pricedProfile });
    expect(await read()).toMatchObject({
      status: 'in_progress',
      outcome: null,
      progress: { turn: 2, tool_calls: 1, steps: 3, phase: 'thinking' },
      usage: { input_tokens: 100, output_tokens: 20, cached_tokens: 50 },
      cost_usd: 0.000007,
      waitingFor: null,
      completed_at: null,
      started_at: '2026-11-24T00:00:01.500Z',
    });
  });

  it('without prices: → the cost is null, never 0', async () => {
    const { read } = await aLiveRun();
    expect((await read()).cost_usd).toBeNull();
  });

  it('after a continue-as-new: → goes on from what was carried', async () => {
    const { read, fake } = await aLiveRun();
    const spent = {
      turns: 58,
      toolCalls: 57,
      inputTokens: 9_000,
      outputTokens: 900,
      cachedTokens: 0,
      costMicroUsd: null,
    };
    const second = createHistory().started({ carry: { spent, nextSeq: 115, startedAtMs: nowMs - 5_000 } }, 'first');
    second.completed(second.scheduled('callModel', { seq: 115, turn: 59, purpose: 'turn' }), aModelReceipt());
    fake.executions.set('second', second.events);
    fake.current = 'second';
    expect(await read()).toMatchObject({
      progress: { turn: 59, tool_calls: 57, steps: 116, phase: 'deciding' },
      usage: { input_tokens: 9_100 },
      started_at: '2026-11-24T09:59:55.000Z',
    });
  });

  it('just started: → queued', async () => {
    const { get, engine, aRun } = createFixture();
    const { runId } = await aRun();
    engine.add(runId, { first: createHistory().started({ carry: null }).events });
    const run = runSchema.parse(await (await get(`/v1/research/${runId}`)).json());
    expect(run).toMatchObject({ status: 'queued', started_at: null, progress: { phase: 'queued' } });
  });

  it('cancel: → 202, asked of the engine; again the same', async () => {
    const { post, manifest, engine } = await aLiveRun();
    for (const _ of [1, 2]) {
      const response = await post(`/v1/research/${manifest.runId}/cancel`, '');
      expect(response.status).toBe(202);
    }
    expect(engine.cancels).toEqual([manifest.runId, manifest.runId]);
  });
});

describe('waiting', () => {
  it('a failed attempt: → its type and message, activity, pool and attempt, and when the next is due', async () => {
    const { fake, read } = await aLiveRun();
    const lastFailure = { type: 'Model.Unavailable', message: 'connection refused' };
    fake.pending = [aPending({ attempt: 4, lastFailure, nextAttemptAtMs: nowMs + 8_000 })];
    expect(await read()).toMatchObject({
      waitingFor: {
        reason: 'Model.Unavailable',
        message: 'connection refused',
        activity: 'callModel',
        pool: 'model',
        queue: 'model',
        attempt: 4,
      },
      waitUntil: '2026-11-24T10:00:08.000Z',
    });
  });

  it('an attempt that runs again: → nothing is waited for', async () => {
    const { fake, read } = await aLiveRun();
    const lastFailure = { type: 'Worker.Died', message: 'killed' };
    fake.pending = [aPending({ state: 'started', attempt: 2, lastFailure, heartbeatAtMs: nowMs })];
    expect(await read()).toMatchObject({ waitingFor: null, waitUntil: null, heartbeat_at: '2026-11-24T10:00:00.000Z' });
  });

  it('an attempt that says it waits for the store: → its own words', async () => {
    const { fake, read } = await aLiveRun();
    fake.pending = [aPending({ state: 'started', reportedWait: 'object store unavailable: gone.' })];
    expect((await read()).waitingFor).toMatchObject({
      reason: 'Storage.Unavailable',
      message: 'object store unavailable: gone.',
    });
    fake.pending = [aPending({ state: 'started', reportedWait: 'object store full: no room.' })];
    expect((await read()).waitingFor).toMatchObject({ reason: 'Storage.Full' });
  });

  it('work that nobody takes: → no_worker without a poll lately, backlog with one, nothing before 5 s', async () => {
    const { fake, read, engine } = await aLiveRun();
    fake.pending = [aPending({ activity: 'callTool', taskQueue: 'web', scheduledAtMs: nowMs - 4_000 })];
    expect((await read()).waitingFor).toBeNull();
    fake.pending = [aPending({ activity: 'callTool', taskQueue: 'web', scheduledAtMs: nowMs - 6_000 })];
    expect((await read()).waitingFor).toMatchObject({
      reason: 'no_worker',
      pool: 'web',
      queue: 'web',
      activity: 'callTool',
    });
    engine.polls.set('web', nowMs);
    expect((await read()).waitingFor).toMatchObject({ reason: 'backlog', pool: 'web' });
  });

  it('a retry that is due and not taken: → no_worker, not the failure of before', async () => {
    const { fake, read } = await aLiveRun();
    const lastFailure = { type: 'Worker.Died', message: 'killed' };
    fake.pending = [aPending({ attempt: 2, lastFailure, nextAttemptAtMs: nowMs - 6_000 })];
    expect((await read()).waitingFor).toMatchObject({ reason: 'no_worker', pool: 'model', attempt: 2 });
  });

  it('a decision that nobody takes: → no_worker of the orchestrator', async () => {
    const { fake, read } = await aLiveRun();
    fake.decision = { scheduledAtMs: nowMs - 6_000, isStarted: false, attempt: 1 };
    expect((await read()).waitingFor).toMatchObject({ reason: 'no_worker', pool: 'orchestrator', activity: null });
  });
});

describe('what is away', () => {
  it('the store while a run is live: → the run as the engine knows it, with what it waits for', async () => {
    const { fake, read, objects } = await aLiveRun();
    fake.pending = [aPending({ state: 'started', reportedWait: 'object store unavailable: gone.' })];
    objects.isAway = true;
    expect(await read()).toMatchObject({
      status: 'in_progress',
      input: 'a question of the index',
      profile: 'mirothinker-v1.0',
      stand_in: null,
      budget: null,
      waitingFor: { reason: 'Storage.Unavailable' },
    });
  });

  it('the store, for a run that the engine does not know: → 503, not 404', async () => {
    const { get, objects } = createFixture();
    objects.isAway = true;
    const response = await get('/v1/research/rsch_01ARZ3NDEKTSV4RRFFQ69G5FAV');
    expect(response.status).toBe(503);
    expect(problemSchema.parse(await response.json()).code).toBe('storage_unavailable');
  });

  it('the engine while a run is live: → 503 engine_unavailable', async () => {
    const { get, engine, manifest } = await aLiveRun();
    engine.isAway = true;
    const response = await get(`/v1/research/${manifest.runId}`);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
  });
});

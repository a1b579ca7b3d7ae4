import { anOutcome } from '../support/facts.ts';
import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../api/http/problem.ts';
import { fromPublicId, runSchema } from '../../api/runs/run-schemas.ts';
import { digestManifest } from '../../domain/manifest.ts';
import { createFixture } from './api-fixture.ts';

const body = { input: 'Which lighthouse is the oldest?' };
const key = { 'idempotency-key': 'key-1' };
const idOf = async (response: Response) => runSchema.parse(await response.json()).id;

describe('submit', () => {
  it('without a key: → each is a run of its own, started with its manifest', async () => {
    const { post, engine, trajectory } = createFixture();
    const first = await post('/v1/research', body);
    const second = await post('/v1/research', body);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(await idOf(first)).not.toBe(await idOf(second));
    expect(engine.starts).toHaveLength(2);
    for (const start of engine.starts) {
      const manifest = await trajectory.readManifest(start.run);
      if (manifest === null) throw new Error('the manifest is missing');
      expect(start).toMatchObject({ manifestDigest: digestManifest(manifest), profile: 'mirothinker-v1.0' });
      expect(manifest).toMatchObject({ question: body.input, standIn: true, date: '2026-11-24' });
      const remembered = await trajectory.readStart(start.run);
      expect(remembered?.firstExecutionId).toBe(`${start.run.runId}-first`);
    }
  });

  it('answer: → 202, Location, the run object with a rsch_ id', async () => {
    const response = await createFixture().post('/v1/research', { ...body, metadata: { team: 'a' } });
    const run = runSchema.parse(await response.json());
    expect(run.id).toMatch(/^rsch_[0-9A-Z]{26}$/u);
    expect(response.headers.get('location')).toBe(`/v1/research/${run.id}`);
    expect(response.headers.get('idempotency-replayed')).toBeNull();
    expect(run).toMatchObject({ status: 'queued', cost_usd: null, metadata: { team: 'a' }, stand_in: true });
    expect(run.created_at).toBe('2026-11-24T10:00:00.000Z');
  });

  it('budget: → lowers the limits in the manifest; money in micro-dollars', async () => {
    const { post, engine, trajectory } = createFixture();
    const budget = { max_cost_usd: 0.1, max_tokens: 1_000, max_tool_calls: 3, max_turns: 2, max_wall_seconds: 60 };
    await post('/v1/research', { ...body, profile: 'priced', budget });
    const manifest = await trajectory.readManifest(engine.starts[0]?.run ?? { tenant: '', runId: '' });
    expect(manifest?.limits).toEqual({
      maxTurns: 2,
      maxToolCalls: 3,
      maxTokens: 1_000,
      maxWallMs: 60_000,
      maxCostMicroUsd: 100_000,
      onExceed: 'finalize',
    });
    // The profile's own limits stay beside them: a budget may be raised up to there.
    expect(manifest?.profile.limits.maxTurns).toBe(600);
  });
});

describe('idempotency', () => {
  it('same key, same body: → the same run, one start, replays say so', async () => {
    const { post, engine } = createFixture();
    const first = await post('/v1/research', body, key);
    const again = await post('/v1/research', JSON.stringify(body, null, 2), key);
    expect(again.status).toBe(202);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await idOf(again)).toBe(await idOf(first));
    expect(engine.starts).toHaveLength(1);
  });

  it('same key, other body: → 422 idempotency_mismatch, nothing started', async () => {
    const { post, engine } = createFixture();
    await post('/v1/research', body, key);
    const other = await post('/v1/research', { input: 'another' }, key);
    expect(other.status).toBe(422);
    expect(problemSchema.parse(await other.json()).code).toBe('idempotency_mismatch');
    expect(engine.starts).toHaveLength(1);
  });

  it('same key while the first is in flight: → 409 with Retry-After; afterwards the run', async () => {
    const { post, engine } = createFixture();
    const held = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    engine.onStart = async () => {
      begun.resolve();
      await held.promise;
    };
    const first = post('/v1/research', body, key);
    await begun.promise;
    const second = await post('/v1/research', body, key);
    expect(second.status).toBe(409);
    expect(second.headers.get('retry-after')).toBe('1');
    expect(problemSchema.parse(await second.json()).code).toBe('in_flight');
    held.resolve();
    const id = await idOf(await first);
    expect(await idOf(await post('/v1/research', body, key))).toBe(id);
  });

  it('a request that is refused: → does not use up its key', async () => {
    const { post } = createFixture();
    const bad = await post('/v1/research', { ...body, profile: 'unknown' }, key);
    expect(bad.status).toBe(422);
    expect((await post('/v1/research', body, key)).status).toBe(202);
  });

  it.each([
    ['before the manifest', 'manifest'],
    ['before the start', 'start'],
    ['before the start record', 'record'],
  ] as const)('a crash %s: → the next process walks to the same run with the same manifest', async (_, place) => {
    const fixture = createFixture();
    const { engine, objects } = fixture;
    const crash = new Error('crashed');
    const trajectory = {
      ...fixture.trajectory,
      ...(place === 'manifest' ? { putManifest: () => Promise.reject(crash) } : {}),
      ...(place === 'record' ? { putStart: () => Promise.reject(crash) } : {}),
    };
    if (place === 'start') engine.onStart = () => Promise.reject(crash);
    const first = await fixture.restart({ trajectory }).post('/v1/research', body, key);
    expect(first.status).toBe(place === 'record' ? 202 : 500);
    engine.onStart = async () => {};
    // A run that was started has continued as new since, and the next process has another day.
    for (const fake of engine.runs.values()) {
      fake.executions.set('later', []);
      fake.current = 'later';
    }
    fixture.clock.nowMs += 36 * 3_600_000;
    const next = fixture.restart();
    const response = await next.post('/v1/research', body, key);
    expect(response.status).toBe(202);
    expect(response.headers.get('idempotency-replayed')).toBe('true');
    const runId = fromPublicId(await idOf(response)) ?? '';
    expect([...engine.runs.keys()]).toEqual([runId]);
    const manifest = await next.trajectory.readManifest({ tenant: 'default', runId });
    expect(manifest).toMatchObject({ createdAt: '2026-11-24T10:00:00.000Z', date: '2026-11-24' });
    expect([...objects.objects.keys()].filter((name) => name.endsWith('/manifest'))).toHaveLength(1);
    const start = await next.trajectory.readStart({ tenant: 'default', runId });
    expect(start?.firstExecutionId).toBe(`${runId}-first`);
  });

  it('a key whose run the engine has forgotten: → is answered from the archive, not started again', async () => {
    const { post, engine, trajectory } = createFixture();
    const id = await idOf(await post('/v1/research', body, key));
    const run = { tenant: 'default', runId: fromPublicId(id) ?? '' };
    engine.runs.clear();
    await trajectory.putOutcome(anOutcome({ ...run, answer: 'Hook Head', report: 'Hook Head', steps: 0 }));
    const again = await post('/v1/research', body, key);
    expect(runSchema.parse(await again.json())).toMatchObject({ id, status: 'completed', answer: 'Hook Head' });
    expect(engine.starts).toHaveLength(1);
  });

  it('a key used before a profile went away: → still answers its run', async () => {
    const fixture = createFixture();
    const request = { ...body, profile: 'priced' };
    const id = await idOf(await fixture.post('/v1/research', request, key));
    const catalog = { ...fixture.ports.catalog, profiles: new Map([...fixture.ports.catalog.profiles].slice(0, 1)) };
    const next = fixture.restart({ catalog });
    expect(await idOf(await next.post('/v1/research', request, key))).toBe(id);
    expect((await next.post('/v1/research', request)).status).toBe(422);
  });

  it('two processes with one key at once: → one run', async () => {
    const fixture = createFixture();
    const doors = Array.from({ length: 8 }, () => fixture.restart());
    const responses = await Promise.all(doors.map((door) => door.post('/v1/research', body, key)));
    const ids = new Set(await Promise.all(responses.map(idOf)));
    expect(ids.size).toBe(1);
    expect(fixture.engine.runs.size).toBe(1);
    expect(responses.filter((response) => response.headers.get('idempotency-replayed') === null)).toHaveLength(1);
  });
});

describe('what is away', () => {
  it('engine: → 503 engine_unavailable with Retry-After; repeated with its key, the run', async () => {
    const { post, engine } = createFixture();
    engine.isAway = true;
    const away = await post('/v1/research', body, key);
    expect(away.status).toBe(503);
    expect(away.headers.get('retry-after')).toBe('5');
    expect(problemSchema.parse(await away.json()).code).toBe('engine_unavailable');
    engine.isAway = false;
    expect((await post('/v1/research', body, key)).status).toBe(202);
    expect(engine.runs.size).toBe(1);
  });

  it('store: → 503 storage_unavailable, nothing started', async () => {
    const { post, engine, objects } = createFixture();
    objects.isAway = true;
    const away = await post('/v1/research', body, key);
    expect(away.status).toBe(503);
    expect(problemSchema.parse(await away.json()).code).toBe('storage_unavailable');
    expect(engine.starts).toEqual([]);
    objects.isAway = false;
    expect((await post('/v1/research', body, key)).status).toBe(202);
  });

  it('a bug: → 500 without its message; the log has it under the request id', async () => {
    const { post, engine, log } = createFixture();
    engine.onStart = () => Promise.reject(new Error('secret at /home/x.ts'));
    const response = await post('/v1/research', body);
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain('secret');
    const id = response.headers.get('x-request-id');
    expect(text).toContain(id);
    expect(log).toMatchObject([{ level: 'error', facts: { requestId: id, type: 'Internal.Bug' } }]);
  });

  it('a damaged key record: → 500 that names it, nothing started', async () => {
    const { post, engine, objects } = createFixture();
    await post('/v1/research', body, key);
    for (const name of objects.objects.keys()) {
      if (name.includes('/idempotency/')) objects.objects.set(name, new Uint8Array([1, 2, 3]));
    }
    const response = await post('/v1/research', body, key);
    expect(response.status).toBe(500);
    expect(problemSchema.parse(await response.json()).detail).toContain('/idempotency/');
    expect(engine.starts).toHaveLength(1);
  });
});

import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../api/http/problem.ts';
import { runSchema } from '../../api/runs/run-schemas.ts';
import { maxMessageBytes } from '../../domain/holds.ts';
import { mirothinkerV1 } from '../../domain/profile.ts';
import { anOutcome, someLimits } from '../support/facts.ts';
import { createFixture } from './api-fixture.ts';
import { createHistory } from './history-builder.ts';

/** A live run, and the verbs on it. */
async function aLiveRun(about: Parameters<ReturnType<typeof createFixture>['aRun']>[0] = {}) {
  const fixture = createFixture();
  const manifest = await fixture.aRun(about);
  const fake = fixture.engine.add(manifest.runId, { first: createHistory().started({ carry: null }).decided().events });
  const path = `/v1/research/rsch_${manifest.runId}`;
  const verb = (name: string, body: unknown = {}, headers: Record<string, string> = {}) =>
    fixture.post(`${path}/${name}`, body, headers);
  return { ...fixture, manifest, fake, path, verb };
}

const problemOf = async (response: Response) => problemSchema.parse(await response.json());

describe('a hold on a run', () => {
  it.each(['pause', 'resume', 'finalize'] as const)(
    '%s: → is taken with who and why, and shows the run',
    async (name) => {
      const { verb, engine, manifest } = await aLiveRun();
      const response = await verb(name, { by: 'ann', reason: 'lunch' });
      expect(response.status).toBe(200);
      expect(runSchema.parse(await response.json()).id).toBe(`rsch_${manifest.runId}`);
      expect(engine.holds).toMatchObject([{ hold: { type: name, by: 'ann', why: 'lunch' } }]);
    },
  );

  it('without a body: → by the API, without a reason', async () => {
    const { api, path, engine } = await aLiveRun();
    expect((await api.app.request(`${path}/pause`, { method: 'POST' })).status).toBe(200);
    expect(engine.holds).toMatchObject([{ hold: { type: 'pause', by: 'api', why: '' } }]);
  });

  it('a message: → its text is a blob, only its digest is told to the engine', async () => {
    const { verb, engine, ports } = await aLiveRun();
    expect((await verb('messages', { text: 'Look at the north.' })).status).toBe(200);
    const [taken] = engine.holds;
    expect(taken?.hold).toMatchObject({ type: 'steer', tokens: 5 });
    expect(JSON.stringify(taken)).not.toContain('north');
    const hold = taken?.hold;
    const digest = hold?.type === 'steer' ? hold.digest : '';
    expect((await ports.blobs.get('default', digest)).toString()).toBe('Look at the north.');
  });

  it('the same key again: → the same update, whatever the run answers; another key: another', async () => {
    const { verb, engine } = await aLiveRun();
    await verb('pause', { by: 'ann' }, { 'idempotency-key': 'k1' });
    await verb('pause', { by: 'ann' }, { 'idempotency-key': 'k1' });
    await verb('pause', { by: 'ann' }, { 'idempotency-key': 'k2' });
    const [first, second, third] = engine.holds.map(({ updateId }) => updateId);
    expect(first).toBe(second);
    expect(third).not.toBe(first);
  });

  it('the same key with another body: → 422, not taken', async () => {
    const { verb, engine } = await aLiveRun();
    await verb('pause', { by: 'ann' }, { 'idempotency-key': 'k1' });
    const response = await verb('pause', { by: 'bob' }, { 'idempotency-key': 'k1' });
    expect([response.status, (await problemOf(response)).code]).toEqual([422, 'idempotency_mismatch']);
    expect(engine.holds).toHaveLength(1);
  });

  it('refused by the run: → 409 with the rule as its code, not to be tried again', async () => {
    const { verb, engine } = await aLiveRun();
    engine.refusal = { rule: 'budget_reached', message: 'raise the budget first' };
    const response = await verb('resume');
    expect([response.status, response.headers.get('x-should-retry')]).toEqual([409, 'false']);
    expect(await problemOf(response)).toMatchObject({
      code: 'budget_reached',
      detail: expect.stringContaining('raise the budget first'),
    });
  });

  it('a run that has ended: → 409, and says what to do instead', async () => {
    const { verb, trajectory, manifest, engine } = await aLiveRun();
    await trajectory.putOutcome(anOutcome({ runId: manifest.runId }));
    for (const name of ['pause', 'resume', 'finalize', 'steps/0/skip']) {
      const problem = await problemOf(await verb(name));
      expect(problem).toMatchObject({ status: 409, code: 'run_ended', detail: expect.stringContaining('fork') });
    }
    expect(engine.holds).toEqual([]);
  });

  it('the engine away: → 503 with Retry-After', async () => {
    const { verb, engine } = await aLiveRun();
    engine.isAway = true;
    const response = await verb('pause');
    expect([response.status, response.headers.has('retry-after')]).toEqual([503, true]);
  });

  it('an unknown run: → 404', async () => {
    const { post } = createFixture();
    expect((await post('/v1/research/rsch_01J9ZX5T3QW8RN6Y7BCDEFGHJK/pause', {})).status).toBe(404);
  });
});

describe('a raised budget', () => {
  it('→ the named limits alone, in our units', async () => {
    const { verb, engine } = await aLiveRun({ limits: someLimits({ maxTurns: 10, maxWallMs: 1_000 }) });
    expect((await verb('budget', { max_turns: 20, max_wall_seconds: 60, reason: 'more' })).status).toBe(200);
    expect(engine.holds[0]?.hold).toEqual({
      type: 'budget',
      by: 'api',
      why: 'more',
      limits: { maxTurns: 20, maxWallMs: 60_000 },
    });
  });

  it.each([
    ['no limit', {}, 'at least one'],
    ['more than the profile allows', { max_turns: 601 }, '/budget/max_turns'],
    ['money without prices', { max_cost_usd: 1 }, 'prices'],
    ['on_exceed', { on_exceed: 'fail' }, 'on_exceed'],
    ['a negative one', { max_turns: -1 }, '/max_turns'],
  ])('%s: → 422, names it', async (_, body, named) => {
    const { verb, engine } = await aLiveRun();
    const response = await verb('budget', body);
    expect(response.status).toBe(422);
    expect(JSON.stringify(await problemOf(response))).toContain(named);
    expect(engine.holds).toEqual([]);
  });
});

describe('a hold on a step', () => {
  it.each(['retry', 'skip', 'approve', 'deny'] as const)('%s: → names the step and the action', async (action) => {
    const { verb, engine } = await aLiveRun();
    expect((await verb(`steps/7/${action}`, { by: 'ann', reason: 'why' })).status).toBe(200);
    expect(engine.holds[0]?.hold).toEqual({ type: 'step', by: 'ann', why: 'why', seq: 7, action, digest: null });
  });

  it('edit: → the arguments are a blob', async () => {
    const { verb, engine, ports } = await aLiveRun();
    expect((await verb('steps/7/edit', { by: 'ann', arguments: { q: 'north', n: 1 } })).status).toBe(200);
    const hold = engine.holds[0]?.hold;
    const digest = hold?.type === 'step' ? (hold.digest ?? '') : '';
    expect(hold).toMatchObject({ type: 'step', seq: 7, action: 'edit' });
    expect((await ports.blobs.get('default', digest)).toString()).toBe('{"n":1,"q":"north"}');
  });

  it.each([
    { name: 'steps/7/edit', body: {}, status: 422, named: '/arguments' },
    { name: 'steps/7/edit', body: { arguments: 'ls' }, status: 422, named: '/arguments' },
    { name: 'steps/7/skip', body: { arguments: {} }, status: 422, named: 'arguments' },
    { name: 'steps/x/skip', body: {}, status: 404, named: 'number' },
    { name: 'messages', body: { text: '  ' }, status: 422, named: '/text' },
    { name: 'messages', body: { text: 'é'.repeat(maxMessageBytes / 2 + 1) }, status: 422, named: '/text' },
    { name: 'messages', body: { text: '\ud800' }, status: 422, named: '/text' },
    { name: 'messages', body: {}, status: 422, named: '/text' },
    { name: 'pause', body: { by: '' }, status: 422, named: '/by' },
    { name: 'pause', body: { by: 'x'.repeat(101) }, status: 422, named: '/by' },
    { name: 'pause', body: { reason: 'x'.repeat(301) }, status: 422, named: '/reason' },
    { name: 'pause', body: { why: 'x' }, status: 422, named: 'why' },
    { name: 'pause', body: '[]', status: 422, named: 'object' },
    { name: 'pause', body: '{', status: 400, named: 'offset' },
  ])('$name with $body: → $status, names $named', async ({ name, body, status, named }) => {
    const { verb, engine } = await aLiveRun();
    const response = await verb(name, body);
    expect(response.status).toBe(status);
    expect(JSON.stringify(await problemOf(response))).toContain(named);
    expect(engine.holds).toEqual([]);
  });
});

describe('how a run stands that waits for a person', () => {
  it.each([
    ['paused', 'paused by ann: lunch', 'paused'],
    ['paused', 'budget: the limit max_turns is reached', 'budget'],
    ['requires_action', 'approval of step 7: send_mail needs approval', 'approval'],
    ['requires_action', 'decision of step 7: slow: Tool.Unavailable', 'decision'],
  ])('%s, %s: → status, reason and message', async (told, waitingFor, reason) => {
    const { get, path, fake } = await aLiveRun();
    const history = createHistory().started({ carry: null }).decided();
    history.completed(history.scheduled('openRun', {}, 'orchestrator'), {});
    fake.executions.set('first', history.events);
    Object.assign(fake, { told, waitingFor });
    const shown = runSchema.parse(await (await get(path)).json());
    expect(shown).toMatchObject({ status: told, waitingFor: { reason, message: waitingFor } });
  });

  it('workflow code that fails at the same decision again and again: → says so', async () => {
    const { get, path, fake } = await aLiveRun();
    fake.decision = { scheduledAtMs: 0, isStarted: false, attempt: 4 };
    const shown = runSchema.parse(await (await get(path)).json());
    expect(shown.waitingFor).toMatchObject({ reason: 'workflow_task_failing', attempt: 4 });
  });
});

describe('on_step_failure', () => {
  it('of a submit: → stands in the manifest’s profile', async () => {
    const { post, engine, trajectory } = createFixture();
    await post('/v1/research', { input: 'How tall?', on_step_failure: 'pause' });
    const manifest = await trajectory.readManifest(engine.starts[0]?.run ?? { tenant: '', runId: '' });
    expect(manifest?.profile.onStepFailure).toBe('pause');
    expect(mirothinkerV1('m').onStepFailure).toBe('observe');
  });
});

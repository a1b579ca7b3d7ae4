import { describe, expect, it } from 'vitest';
import { problemSchema } from '../../api/http/problem.ts';
import { fromPublicId, runSchema } from '../../api/runs/run-schemas.ts';
import { digestManifest } from '../../domain/manifest.ts';
import { renderCall } from '../../activities/steps/prompt.ts';
import { aModelRecord, anOutcome } from '../support/facts.ts';
import { recordRun } from '../support/recorded-run.ts';
import { putRecord } from '../support/store.ts';
import { createFixture } from './api-fixture.ts';

const turns = [
  { reply: 'r0', observations: ['o0', 'o1'] },
  { reply: 'r1', observations: ['o2'] },
  { reply: 'r2', stop: 'end' as const },
];

/** A recorded run that has ended, and how to fork it. */
async function aRecordedRun(ended = true) {
  const fixture = createFixture();
  const manifest = await fixture.aRun();
  const { heads, steps } = await recordRun(fixture.trajectory, manifest, turns);
  const { runId } = manifest;
  if (ended) {
    const effects = [{ seq: 4, tool: 'send_mail', effect: 'unkeyed' as const }];
    await fixture.trajectory.putOutcome(anOutcome({ runId, steps, head: heads.at(-1)!, effects }));
  }
  const path = `/v1/research/rsch_${runId}`;
  const fork = (body: unknown, headers: Record<string, string> = {}) => fixture.post(`${path}/fork`, body, headers);
  const manifestOf = async (response: Response) => {
    const { id } = runSchema.parse(await response.clone().json());
    const run = { tenant: 'default', runId: fromPublicId(id) ?? '' };
    return (await fixture.trajectory.readManifest(run))!;
  };
  return { ...fixture, manifest, heads, steps, path, fork, manifestOf };
}

describe('a fork', () => {
  it('→ 202 with Location; a manifest that names the prefix and its chain, and nothing is copied', async () => {
    const { fork, manifestOf, manifest, heads, engine, objects } = await aRecordedRun();
    const before = new Set(objects.objects.keys());
    const response = await fork({ from_step: 3, by: 'ann', reason: 'another way' });
    expect(response.status).toBe(202);
    const made = await manifestOf(response);
    expect(response.headers.get('location')).toBe(`/v1/research/rsch_${made.runId}`);
    expect(made.parent).toEqual({ runId: manifest.runId, uptoSeq: 2, head: heads[3] });
    expect(made.fork).toEqual({ runId: manifest.runId, step: 3, by: 'ann', why: 'another way', message: null });
    expect(engine.starts).toHaveLength(1);
    const written = [...objects.objects].filter(([key]) => !before.has(key));
    expect(written.map(([key]) => key).filter((key) => key.includes('/steps/'))).toEqual([]);
    expect(written.reduce((sum, [, bytes]) => sum + bytes.byteLength, 0)).toBeLessThan(10_240);
  });

  it.each([0, 1, 2, 3, 4, 5])('at step %i: its chain is the parent’s there, and the prefix reads', async (step) => {
    const { fork, manifestOf, heads, ports } = await aRecordedRun();
    const made = await manifestOf(await fork({ from_step: step }));
    expect(made.parent).toMatchObject({ uptoSeq: step - 1, head: heads[step] });
    const { steps } = await ports.history.read(made, step, digestManifest(made));
    expect(steps).toHaveLength(step);
  });

  it('without overrides: the same agent, prompt and date, so that what it is asked is the same', async () => {
    const { fork, manifestOf, manifest, clock } = await aRecordedRun();
    clock.nowMs += 40 * 24 * 3_600_000;
    const made = await manifestOf(await fork({ from_step: 3 }));
    expect(made).toMatchObject({
      systemPrompt: manifest.systemPrompt,
      date: manifest.date,
      taskDigest: manifest.taskDigest,
      profile: manifest.profile,
      limits: manifest.limits,
    });
  });

  it('overrides: profile, budget, failure mode and a first message', async () => {
    const { fork, manifestOf, ports } = await aRecordedRun();
    const overrides = {
      profile: 'priced',
      budget: { max_turns: 9, max_cost_usd: 1, on_exceed: 'pause' },
      on_step_failure: 'fail',
      message: 'Try the archive.',
    };
    const made = await manifestOf(await fork({ from_step: 3, overrides }));
    expect(made.profile).toMatchObject({ name: 'priced', onStepFailure: 'fail' });
    expect(made.limits).toMatchObject({ maxTurns: 9, maxCostMicroUsd: 1_000_000, onExceed: 'pause' });
    expect((await ports.blobs.get('default', made.fork?.message?.digest ?? '')).toString()).toBe('Try the archive.');
  });

  it('of a fork, inside what it shares: → leads to the run that holds the records', async () => {
    const { fork, manifestOf, post, manifest, heads } = await aRecordedRun();
    const child = await manifestOf(await fork({ from_step: 5 }));
    const response = await post(`/v1/research/rsch_${child.runId}/fork`, { from_step: 3 });
    const grandchild = await manifestOf(response);
    expect(grandchild.parent).toEqual({ runId: manifest.runId, uptoSeq: 2, head: heads[3] });
    expect(grandchild.fork).toMatchObject({ runId: child.runId, step: 3 });
  });

  it('of a fork, after steps of its own: → shares both prefixes', async () => {
    const { fork, manifestOf, post, trajectory, ports } = await aRecordedRun();
    const child = await manifestOf(await fork({ from_step: 5 }));
    const { contents: _contents, ...record } = aModelRecord({ runId: child.runId, seq: 5 });
    const model = { ...record.model!, head: digestManifest(child) };
    await putRecord(trajectory, { ...child, seq: 5 }, { record: { ...record, model }, contents: { reply: 'own' } });
    const grandchild = await manifestOf(await post(`/v1/research/rsch_${child.runId}/fork`, { from_step: 6 }));
    expect(grandchild.parent).toMatchObject({ runId: child.runId, uptoSeq: 5 });
    const { steps } = await ports.history.read(grandchild, 6, digestManifest(grandchild));
    expect(steps.map((step) => step.text)).toEqual(['r0', 'o0', 'o1', 'r1', 'o2', 'own']);
  });

  it('lineage: → each shows the other, and what is not undone', async () => {
    const { fork, get, path, engine } = await aRecordedRun();
    const { id } = runSchema.parse(await (await fork({ from_step: 3, by: 'ann' })).json());
    const parent = runSchema.parse(await (await get(path)).json());
    expect(parent.forks).toEqual([id]);
    engine.add(fromPublicId(id)!, { first: [] });
    const child = runSchema.parse(await (await get(`/v1/research/${id}`)).json());
    expect(child.parent).toEqual({
      run: parent.id,
      step: 3,
      by: 'ann',
      reason: '',
      effects_not_undone: [{ step: 4, tool: 'send_mail', effect: 'unkeyed' }],
    });
  });

  it('the same key again: → the same fork', async () => {
    const { fork, engine } = await aRecordedRun();
    const key = { 'idempotency-key': 'k' };
    const [first, again] = [await fork({ from_step: 3 }, key), await fork({ from_step: 3 }, key)];
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(runSchema.parse(await again.json()).id).toBe(runSchema.parse(await first.json()).id);
    expect(engine.starts).toHaveLength(1);
  });

  it.each([
    ['a step past the end', { from_step: 6 }, '/from_step'],
    ['no step', {}, '/from_step'],
    ['half a step', { from_step: 1.5 }, '/from_step'],
    ['an unknown profile', { from_step: 1, overrides: { profile: 'none' } }, 'none'],
    ['a limit above the profile’s', { from_step: 1, overrides: { budget: { max_turns: 10_000 } } }, 'max_turns'],
    ['an unknown override', { from_step: 1, overrides: { model: 'x' } }, 'model'],
    ['a blank message', { from_step: 1, overrides: { message: ' ' } }, 'message'],
  ])('%s: → 422, names it, nothing is started', async (_, body, named) => {
    const { fork, engine } = await aRecordedRun();
    const response = await fork(body);
    expect(response.status).toBe(422);
    expect(JSON.stringify(problemSchema.parse(await response.json()))).toContain(named);
    expect(engine.starts).toEqual([]);
  });

  it('of a live run at a step that is not recorded yet: → 422', async () => {
    const { fork } = await aRecordedRun(false);
    expect((await fork({ from_step: 6 })).status).toBe(202);
    expect((await fork({ from_step: 7 })).status).toBe(422);
  });
});

describe('retry of a step of a run that has ended', () => {
  it('→ a fork at that step', async () => {
    const { post, path, manifestOf } = await aRecordedRun();
    const response = await post(`${path}/steps/4/retry`, { by: 'ann' });
    expect(response.status).toBe(202);
    expect((await manifestOf(response)).fork).toMatchObject({ step: 4, by: 'ann' });
  });
});

describe('the prompt of a step', () => {
  it('that does not fit its recorded digest: → REPLAY_DIVERGENCE, not another prompt', async () => {
    const { get, path } = await aRecordedRun();
    const response = await get(`${path}/steps/3/prompt`);
    expect(response.status).toBe(500);
    expect(problemSchema.parse(await response.json()).detail).toContain('REPLAY_DIVERGENCE');
  });

  it('→ the messages that were sent, proved by the digest', async () => {
    const { get, path, trajectory, manifest, heads, ports, steps } = await aRecordedRun(false);
    const head = heads.at(-1)!;
    const history = await ports.history.read(manifest, steps, head);
    const call = await renderCall(ports.history, { run: manifest, history, purpose: 'turn', firstLive: 1 });
    const { contents: _contents, ...record } = aModelRecord({ runId: manifest.runId, seq: steps });
    const model = { ...record.model!, firstLive: 1, promptDigest: call.promptDigest, head };
    await putRecord(
      trajectory,
      { ...manifest, seq: steps },
      { record: { ...record, model }, contents: { reply: 'x' } },
    );
    const response = await get(`${path}/steps/${steps}/prompt`);
    expect(response.status).toBe(200);
    const body = await response.json();
    expect(body).toMatchObject({ object: 'prompt', step: steps, first_live: 1, prompt_digest: call.promptDigest });
    expect(body).toHaveProperty('messages', call.messages);
  });

  it.each([
    ['a tool step', 1, 422],
    ['a step that is not there', 99, 404],
  ])('%s: → %i', async (_, step, status) => {
    const { get, path } = await aRecordedRun();
    expect((await get(`${path}/steps/${step}/prompt`)).status).toBe(status);
  });
});

const linesOf = async (response: Response) =>
  (await response.text())
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));

describe('the histories of a run', () => {
  it('archived: → from the archive, in order', async () => {
    const { get, path, manifest, ports } = await aRecordedRun();
    await ports.archive.put(manifest, 1, '{"events":[2]}');
    await ports.archive.put(manifest, 0, '{"events":[1]}');
    expect(await linesOf(await get(`${path}/histories`))).toEqual([
      { type: 'history', n: 0, archived: true, history: { events: [1] } },
      { type: 'history', n: 1, archived: true, history: { events: [2] } },
    ]);
  });

  it('not archived yet: → from the engine; neither: → 404', async () => {
    const { get, path, manifest, engine } = await aRecordedRun();
    expect((await get(`${path}/histories`)).status).toBe(404);
    engine.histories.set(manifest.runId, ['{"events":[]}']);
    expect(await linesOf(await get(`${path}/histories`))).toMatchObject([{ n: 0, archived: false }]);
  });
});

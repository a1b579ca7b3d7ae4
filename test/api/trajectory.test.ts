import { anOutcome } from '../support/facts.ts';
import { putRecord } from '../support/store.ts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { keys } from '../../activities/storage/keys.ts';
import { stepSchema } from '../../api/trajectory/show-step.ts';
import { digestManifest, type RunManifest } from '../../domain/manifest.ts';
import { extendHead, type StepRecord } from '../../domain/record.ts';
import { type ApiFixture, createFixture, nowMs } from './api-fixture.ts';

const aRecord = (runId: string, seq: number, change: Partial<StepRecord> = {}): Omit<StepRecord, 'contents'> => ({
  schemaVersion: 1,
  runId,
  seq,
  kind: 'model',
  turn: 1,
  attempt: 1,
  requestDigest: 'd'.repeat(64),
  effect: 'read',
  status: 'ok',
  failure: null,
  contentTokens: 3,
  usage: { inputTokens: 10, outputTokens: 2, cachedTokens: 4 },
  costMicroUsd: null,
  startedAtMs: nowMs,
  endedAtMs: nowMs + 5,
  delivery: 2,
  model: {
    purpose: 'turn',
    firstLive: 0,
    promptDigest: 'e'.repeat(64),
    stop: 'calls',
    model: 'a-model',
    head: 'e'.repeat(64),
  },
  tool: null,
  hold: null,
  ...change,
});

const long = 'é'.repeat(40_000);

/** A model step that asks for a search, and the search. */
async function aTrajectory(fixture: ApiFixture, about: Partial<RunManifest> = {}) {
  const manifest = await fixture.aRun(about);
  const { runId } = manifest;
  const calls = [{ server: 's', tool: 'google_search', arguments: { q: 'lighthouse' }, argumentsError: null }];
  const model = await putRecord(
    fixture.trajectory,
    { ...manifest, seq: 0 },
    { record: aRecord(runId, 0), contents: { reply: 'I shall search.', calls: JSON.stringify(calls) } },
  );
  const tool = { server: 's', tool: 'google_search', modelSeq: 0, callIndex: 0, source: null, sandbox: null };
  const search = await putRecord(
    fixture.trajectory,
    { ...manifest, seq: 1 },
    {
      record: aRecord(runId, 1, { kind: 'tool', model: null, tool }),
      contents: { observation: long, raw: new Uint8Array([0xff, 0x00]) },
    },
  );
  const head = [model, search].reduce((chain, { digest }) => extendHead(chain, digest), digestManifest(manifest));
  return { manifest, head, path: `/v1/research/rsch_${runId}` };
}

const finish = (fixture: ApiFixture, { manifest, head }: { manifest: RunManifest; head: string }) =>
  fixture.trajectory.putOutcome(
    anOutcome({
      runId: manifest.runId,
      outcome: 'abstained',
      stopReason: 'abstained',
      answer: null,
      report: null,
      steps: 2,
      head,
      startedAtMs: nowMs,
      endedAtMs: nowMs + 10,
    }),
  );

const linesOf = async (response: Response) =>
  z.array(z.record(z.string(), z.unknown())).parse(
    (await response.text())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );

describe('trajectory', () => {
  it('a live run: → the manifest and the records so far, contents inline, without the engine', async () => {
    const fixture = createFixture();
    const { path, manifest } = await aTrajectory(fixture);
    fixture.engine.isAway = true;
    const response = await fixture.get(`${path}/trajectory`);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    const lines = await linesOf(response);
    expect(lines.map(({ type }) => type)).toEqual(['run', 'step', 'step']);
    expect(lines[0]).toMatchObject({ question: manifest.question, digest: digestManifest(manifest) });
    expect(lines[1]).toMatchObject({
      seq: 0,
      kind: 'model',
      contents: [{ name: 'reply', text: 'I shall search.' }, { name: 'calls' }],
    });
    expect(lines[2]).toMatchObject({
      seq: 1,
      contents: [
        { name: 'observation', text: long },
        { name: 'raw', base64: '/wA=' },
      ],
    });
  });

  it('an ended run: → ends with the outcome; by reference no texts', async () => {
    const fixture = createFixture();
    const run = await aTrajectory(fixture);
    await finish(fixture, run);
    const lines = await linesOf(await fixture.get(`${run.path}/trajectory?content=ref`));
    expect(lines.at(-1)).toMatchObject({ type: 'outcome', outcome: 'abstained', head: run.head });
    expect(JSON.stringify(lines)).not.toContain('I shall search');
  });

  it('a changed record: → an error line that says so, no outcome', async () => {
    const fixture = createFixture();
    const run = await aTrajectory(fixture);
    await finish(fixture, { ...run, head: '0'.repeat(64) });
    const lines = await linesOf(await fixture.get(`${run.path}/trajectory`));
    expect(lines.at(-1)).toMatchObject({ type: 'error', code: 'ledger_headmismatch' });
    expect(lines.some(({ type }) => type === 'outcome')).toBe(false);
  });

  it('a corrupt blob: → an error line that names it, none of its bytes', async () => {
    const fixture = createFixture();
    const { path } = await aTrajectory(fixture);
    const blob = [...fixture.objects.objects.keys()].find((name) => name.includes('/blobs/')) ?? '';
    fixture.objects.objects.set(blob, new Uint8Array([1, 2, 3]));
    const lines = await linesOf(await fixture.get(`${path}/trajectory`));
    expect(lines.map(({ type }) => type)).toEqual(['run', 'step', 'error']);
    expect(String(lines.at(-1)?.['detail'])).toContain(blob);
  });

  it('a missing record of an ended run: → an error line that names the step', async () => {
    const fixture = createFixture();
    const run = await aTrajectory(fixture);
    await finish(fixture, run);
    fixture.objects.objects.delete(keys.step(run.manifest, 1));
    const lines = await linesOf(await fixture.get(`${run.path}/trajectory`));
    expect(String(lines.at(-1)?.['detail'])).toContain('step 1');
  });

  it('a fork: → the shared prefix is read from the run that holds it', async () => {
    const fixture = createFixture();
    const parent = await aTrajectory(fixture);
    const fork = await fixture.aRun({ parent: { runId: parent.manifest.runId, uptoSeq: 1, head: parent.head } });
    const lines = await linesOf(await fixture.get(`/v1/research/${fork.runId}/trajectory`));
    expect(lines.map(({ type, runId }) => [type, runId])).toEqual([
      ['run', fork.runId],
      ['step', parent.manifest.runId],
      ['step', parent.manifest.runId],
    ]);
  });
});

describe('step', () => {
  it('a tool: → its arguments, its observation, its delivery', async () => {
    const fixture = createFixture();
    const { path } = await aTrajectory(fixture);
    const step = stepSchema.parse(await (await fixture.get(`${path}/steps/1`)).json());
    expect(step).toMatchObject({
      n: 1,
      kind: 'tool',
      delivery: 2,
      request: { tool: 'google_search', arguments: { q: 'lighthouse' }, model_step: 0, call_index: 0 },
      response: long,
    });
  });

  it('a model: → the prompt by reference, its reply', async () => {
    const fixture = createFixture();
    const { path } = await aTrajectory(fixture);
    const step = stepSchema.parse(await (await fixture.get(`${path}/steps/0`)).json());
    expect(step).toMatchObject({
      request: { purpose: 'turn', model: 'a-model', prompt_digest: 'e'.repeat(64), first_live: 0 },
      response: 'I shall search.',
      usage: { input_tokens: 10, output_tokens: 2, cached_tokens: 4 },
      cost_usd: null,
    });
  });

  it.each(['2', '-1', 'x', '1.5', '999999999'])('step %s of a run that has two: → 404', async (n) => {
    const fixture = createFixture();
    const { path } = await aTrajectory(fixture);
    expect((await fixture.get(`${path}/steps/${n}`)).status).toBe(404);
  });

  it('a corrupt record: → 500 that names it', async () => {
    const fixture = createFixture();
    const { path, manifest } = await aTrajectory(fixture);
    fixture.objects.objects.set(keys.step(manifest, 0), new Uint8Array([1]));
    const response = await fixture.get(`${path}/steps/0`);
    expect(response.status).toBe(500);
    expect(await response.text()).toContain('steps/00000000');
  });
});

import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { poolNames } from '../../domain/tools.ts';
import { keys } from '../../activities/storage/keys.ts';
import { type House, openHouse, openSurroundings, type Submitted, type Surroundings } from '../support/house.ts';
import { countRepeated, readRecords } from '../support/oracle.ts';
import { openOwnServers } from '../support/own-servers.ts';
import { startPool, waitFor } from '../support/processes.ts';

type Scenario = Parameters<typeof openSurroundings>[0];

let surroundings: Surroundings;
let house: House;

const echo = { server: 'test', tool: 'echo', arguments: { turn: '{seq}' } };
const slow = { server: 'test', tool: 'slow', arguments: { ms: 20_000 } };
const create = { server: 'tool-python', tool: 'create_sandbox', arguments: {} };
const shell = (command: string) => ({
  server: 'tool-python',
  tool: 'run_command',
  arguments: { command, sandbox_id: '{sandbox}' },
});
const final = { text: 'Done.\n\\boxed{done}' };

async function open(scenario: Scenario, env: NodeJS.ProcessEnv = {}): Promise<void> {
  surroundings = await openSurroundings(scenario);
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames], env });
}

type Loop = Extract<Scenario, { generate: 'loop' }>;

const loop = (turns: number, tools: Loop['tools'], more: Partial<Loop> = {}): Scenario => ({
  ...more,
  generate: 'loop',
  turns,
  tools,
  final,
});

const page = (url: string) => ({
  server: 'jina_scrape_llm_summary',
  tool: 'scrape_and_extract_info',
  arguments: { url, info_to_extract: 'anything' },
});

afterEach(async () => {
  await house.close();
  await surroundings.close();
});

const recorded = ({ run }: Submitted, seq: number) =>
  waitFor(`the record of step ${seq}`, async () =>
    (await house.storage.objects.head(keys.step(run, seq))) === null ? null : true,
  );

describe('cancel', () => {
  it('while a tool is in flight → cancelled, every slot filled, sandbox gone', async () => {
    await open(loop(20, [create, slow]));
    const submitted = await house.submit('Wait.');
    await waitFor('the slow tool', async () => (surroundings.tools.requests().length > 0 ? true : null));
    await submitted.handle.cancel();
    const outcome = await submitted.outcome();
    const steps = await readRecords(house.storage.trajectory, submitted.run);
    expect(outcome).toMatchObject({ outcome: 'cancelled', stopReason: 'cancelled', steps: 4 });
    expect(steps.map(({ record }) => record.status)).toEqual(['ok', 'ok', 'ok', 'failed']);
    expect(steps[3]?.record.failure?.type).toBe('Run.Cancelled');
    expect((await submitted.handle.describe()).status.name).toBe('CANCELLED');
    expect(await readdir(house.env['LONGHAUL_SANDBOX_DIR'] ?? '').catch(() => [])).not.toContain(
      `default.${submitted.run.runId}`,
    );
  });

  it('while the model is asked → no further call is made', async () => {
    await open(loop(20, [echo], { delayMs: 1_500 }));
    const submitted = await house.submit('Wait.');
    await waitFor('the model', async () => (surroundings.model.requests().length > 0 ? true : null));
    await submitted.handle.cancel();
    const outcome = await submitted.outcome();
    expect(outcome.outcome).toBe('cancelled');
    expect(outcome.steps).toBe((await readRecords(house.storage.trajectory, submitted.run)).length);
    expect(surroundings.model.requests().length).toBeLessThanOrEqual(2);
  });
});

describe('model server', () => {
  it('503 and 429 more often than a step has attempts → waits, nothing fails, nothing is repeated', async () => {
    const busy = { at: 1, fail: { status: 503, headers: { 'retry-after-ms': '20' }, times: 9 } };
    const limited = { at: 2, fail: { status: 429, headers: { 'retry-after-ms': '20' }, times: 9 } };
    await open(loop(4, [echo], { faults: [busy, limited] }));
    const submitted = await house.submit('Go on.');
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', steps: 10 });
    const steps = await readRecords(house.storage.trajectory, submitted.run);
    expect(countRepeated(submitted.run, steps, surroundings.model.requests())).toBe(0);
    expect(surroundings.model.requests().length).toBe(6 + 18);
  });

  it('400 → the run fails with the type, its slot is filled', async () => {
    await open(loop(4, [echo], { faults: [{ at: 1, fail: { status: 400, times: 99 } }] }));
    const submitted = await house.submit('Go on.');
    expect(await submitted.outcome()).toMatchObject({
      outcome: 'failed',
      failure: { type: 'Model.Refused' },
      steps: 3,
    });
    expect((await submitted.handle.describe()).status.name).toBe('FAILED');
  });

  it('malformed replies in a row → thrown away, then the final answer', async () => {
    const replies = Array.from({ length: 8 }, () => ({ raw: '<use_mcp_tool><server_name>x' }));
    await open({ replies, final });
    const submitted = await house.submit('Go on.');
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', steps: 6 });
  });
});

describe('object store', () => {
  it('away in the middle of a run → steps wait, then go on; nothing is repeated', async () => {
    await open(loop(30, [echo], { delayMs: 60 }));
    const submitted = await house.submit('Go on.');
    await recorded(submitted, 9);
    const store = join(house.directory, 'store');
    await rename(store, `${store}-away`);
    await waitFor('a step that waits', async () => {
      const { raw } = await submitted.handle.describe();
      const waiting = (raw.pendingActivities ?? []).some(
        (activity) => (activity.attempt ?? 0) > 1 || JSON.stringify(activity.heartbeatDetails ?? '').length > 2,
      );
      return waiting ? true : null;
    });
    await rename(`${store}-away`, store);
    const outcome = await submitted.outcome();
    const steps = await readRecords(house.storage.trajectory, submitted.run);
    expect(outcome).toMatchObject({ outcome: 'answered', steps: 62 });
    expect(countRepeated(submitted.run, steps, surroundings.model.requests())).toBe(0);
  });

  it('record damaged while the run is live → the run fails, naming the record; it is never used', async () => {
    await open(loop(40, [echo], { delayMs: 150 }), {});
    const submitted = await house.submit('Go on.');
    await recorded(submitted, 6);
    const key = keys.step(submitted.run, 3);
    const stored = await house.storage.objects.get(key);
    const bytes = Uint8Array.from(stored?.bytes ?? []);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    await house.storage.objects.put(key, bytes);
    // The living worker has the record in memory; the next one must read it.
    await house.processOf('model').killWorker();
    const outcome = await submitted.outcome();
    expect(outcome).toMatchObject({ outcome: 'failed', failure: { type: 'Storage.Corrupt' } });
    expect(outcome.failure?.message).toContain(key);
  });
});

describe('tools', () => {
  it('every way to fail → an observation each, and the run goes on', async () => {
    const calls = [
      { server: 'test', tool: 'fail', arguments: { status: 400 } },
      { server: 'nowhere', tool: 'nothing', arguments: {} },
      { server: 'tool-python', tool: 'run_command', arguments: { command: 'ls', sandbox_id: '../../etc' } },
      {
        server: 'jina_scrape_llm_summary',
        tool: 'scrape_and_extract_info',
        arguments: { url: `http://${inject('temporalAddress')}/`, info_to_extract: 'x' },
      },
      { server: 'search_and_scrape_webpage', tool: 'google_search', arguments: { q: '' } },
    ];
    await open(loop(1, calls, { callsPerTurn: calls.length }));
    const submitted = await house.submit('Go on.');
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', steps: 8 });
    const steps = await readRecords(house.storage.trajectory, submitted.run);
    expect(steps.slice(1, 6).map(({ record }) => record.failure?.type)).toEqual([
      'Tool.Failed',
      'Tool.Unknown',
      'Tool.BadArguments',
      'Tool.Blocked',
      'Tool.BadArguments',
    ]);
    for (const step of steps.slice(1, 6))
      expect(step.inline['observation']).toMatch(/^Tool call to \S+ on \S+ failed\. Error: /);
  });

  it('pages of our own servers → refused, directly and by redirect; nothing reaches them', async () => {
    const own = await openOwnServers();
    surroundings = await openSurroundings(loop(1, [echo]));
    const hosts = [
      inject('temporalAddress'),
      new URL(surroundings.model.url).host,
      new URL(surroundings.tools.url).host,
      ...own.forbidden,
    ];
    await surroundings.close();
    const calls = [...hosts.map((host) => page(`http://${host}/`)), ...hosts.map((host) => page(own.redirectTo(host)))];
    surroundings = await openSurroundings(loop(calls.length, calls));
    const allow = `${surroundings.corpus.host},${own.redirector}`;
    const options = { temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames] };
    house = await openHouse({ ...options, env: { LONGHAUL_FETCH_ALLOW: allow } });
    const submitted = await house.submit('Read them.');
    const outcome = await submitted.outcome();
    const steps = await readRecords(house.storage.trajectory, submitted.run);
    const tried = steps.filter(({ record }) => record.kind === 'tool');
    expect(tried.map(({ record }) => record.failure?.type)).toEqual(calls.map(() => 'Tool.Blocked'));
    expect(outcome.sources).toEqual([]);
    expect(own.reached()).toBe(0);
    // The positive control: without the guard the server answers.
    await fetch(`http://${own.forbidden[0]}/`);
    expect(own.reached()).toBe(1);
    await own.close();
  });

  it('sandbox step whose worker is killed → the workspace is put back and the step runs once', async () => {
    const replies = [
      { calls: [create] },
      { calls: [shell('echo one >> log; sleep 2; cat log')] },
      { calls: [shell('cat log')] },
      { text: 'Enough.' },
    ];
    await open({ replies, final });
    const submitted = await house.submit('Count.');
    await recorded(submitted, 2);
    const workspaces = join(house.env['LONGHAUL_SANDBOX_DIR'] ?? '', `default.${submitted.run.runId}`);
    await waitFor('the job to have written', async () => {
      const files = await readdir(workspaces, { recursive: true }).catch(() => []);
      return files.some((file) => file.endsWith('work/log')) ? true : null;
    });
    await house.processOf('sandbox').killWorker();
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered' });
    const steps = await readRecords(house.storage.trajectory, submitted.run);
    expect(steps[5]?.inline['observation']).toContain("stdout='one\\n'");
    expect(steps[3]?.record.delivery).toBeGreaterThan(1);
  });
});

describe('limits', () => {
  it.each([
    ['turns', { maxTurns: 3 }, 'max_turns'],
    ['tool calls', { maxToolCalls: 2 }, 'max_tool_calls'],
    ['tokens', { maxTokens: 45_000 }, 'budget_reached'],
  ])('%s reached → the final answer is asked for, and says which limit', async (_name, limit, limitHit) => {
    await open(loop(50, [echo]));
    const submitted = await house.submit('Go on.', (profile) => ({
      ...profile,
      model: { ...profile.model, maxTokens: 2_000 },
      tools: ['echo'],
      limits: { ...profile.limits, ...limit },
    }));
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', limitHit });
  });

  it('wall time reached while a tool is in flight → the step is ended, the final answer is asked for', async () => {
    await open(loop(50, [slow]));
    const submitted = await house.submit('Go on.', (profile) => ({
      ...profile,
      limits: { ...profile.limits, maxWallMs: 4_000 },
    }));
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', limitHit: 'deadline', steps: 3 });
  });

  it('no room for any call → ends without one, honestly', async () => {
    await open(loop(5, [echo]));
    const submitted = await house.submit('Go on.', (profile) => ({
      ...profile,
      limits: { ...profile.limits, maxTokens: 500 },
    }));
    expect(await submitted.outcome()).toMatchObject({
      outcome: 'budget_exhausted',
      stopReason: 'budget_reached',
      steps: 0,
      answer: null,
    });
    expect(surroundings.model.requests()).toHaveLength(0);
  });
});

describe('a worker that is told to stop', () => {
  it('SIGTERM with a long step in flight → hands it back uncounted; another worker goes on', async () => {
    await open(loop(1, [{ ...slow, arguments: { ms: 6_000 } }]), { LONGHAUL_DRAIN_MS: '500' });
    const submitted = await house.submit('Go on.');
    await waitFor('the slow tool', async () => (surroundings.tools.requests().length > 0 ? true : null));
    await house.processOf('tools').stop();
    const second = await startPool(poolNames, house.env);
    expect(await submitted.outcome()).toMatchObject({ outcome: 'answered', steps: 4 });
    await second.stop();
    expect(surroundings.tools.requests()).toHaveLength(2);
  });
});

describe('a run without a manifest', () => {
  beforeEach(() => open(loop(1, [echo])));

  it('started by hand → ends failed, Input.NoManifest', async () => {
    const runId = '01M85SXJV7WG56NA3JS6XA5AAM';
    const input = {
      tenant: 'default',
      runId,
      manifestDigest: '0'.repeat(64),
      queuePrefix: house.queuePrefix,
      carry: null,
    };
    const handle = await house.client.workflow.start('researchRun', {
      workflowId: `research/default/${runId}`,
      taskQueue: `${house.queuePrefix}orchestrator`,
      args: [input],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'Input.NoManifest' } });
  });
});

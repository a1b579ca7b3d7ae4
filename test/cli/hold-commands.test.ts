import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../cli/main.ts';
import { aRun, anEvent, type FakeApi, runId, startFakeApi } from './fake-api.ts';

let api: FakeApi;
let folder: string;

beforeEach(async () => {
  api = await startFakeApi();
  folder = await mkdtemp(join(tmpdir(), 'longhaul-cli-'));
  api.run = aRun({
    status: 'paused',
    outcome: null,
    waitingFor: { reason: 'paused', message: 'paused by ann: lunch' },
  });
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function longhaul(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCommandLine(args, {
    env: { LONGHAUL_API_URL: api.url, USER: 'ann' },
    print: (line) => void out.push(line),
    tell: (line) => void err.push(line),
    onInterrupt: () => () => {},
  });
  const sent = api.requests.map(({ method, path, body }) => ({
    method,
    path,
    body: body === '' ? null : JSON.parse(body),
  }));
  return { code, out, err, sent };
}

const path = `/v1/research/${runId}`;

describe('a hold', () => {
  it.each([
    { args: ['pause', runId], to: 'pause', body: {} },
    { args: ['resume', runId, '--reason', 'back'], to: 'resume', body: { reason: 'back' } },
    { args: ['finalize', runId, '--by', 'bob'], to: 'finalize', body: { by: 'bob' } },
    { args: ['steer', runId, 'Look north.'], to: 'messages', body: { text: 'Look north.' } },
    {
      args: ['raise', runId, '--max-turns', '9', '--max-cost-usd', '1.5'],
      to: 'budget',
      body: { max_turns: 9, max_cost_usd: 1.5 },
    },
    { args: ['retry', runId, '7'], to: 'steps/7/retry', body: {} },
    { args: ['skip', runId, '7'], to: 'steps/7/skip', body: {} },
    { args: ['approve', runId, '7'], to: 'steps/7/approve', body: {} },
    { args: ['deny', runId, '7', '--reason', 'never'], to: 'steps/7/deny', body: { reason: 'never' } },
    { args: ['edit', runId, '7', '{"q":"north"}'], to: 'steps/7/edit', body: { arguments: { q: 'north' } } },
  ])('$args: one POST to $to, signed; says how the run stands', async ({ args, to, body }) => {
    const { code, out, sent } = await longhaul(...args);
    expect(sent).toEqual([{ method: 'POST', path: `${path}/${to}`, body: { by: 'ann', ...body } }]);
    expect(api.requests[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(out).toEqual([`${runId}  paused  waiting for paused: paused by ann: lunch`]);
    expect(code).toBe(0);
  });

  it('--idempotency-key, --json: sent as given; the run is printed', async () => {
    const { out } = await longhaul('pause', runId, '--idempotency-key', 'k1', '--json');
    expect(api.requests[0]?.headers['idempotency-key']).toBe('k1');
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ id: runId, status: 'paused' });
  });

  it('edit with @FILE: the arguments stand in the file', async () => {
    const file = join(folder, 'arguments.json');
    await writeFile(file, '{"q":"from a file"}');
    const { sent } = await longhaul('edit', runId, '7', `@${file}`);
    expect(sent[0]?.body).toMatchObject({ arguments: { q: 'from a file' } });
  });

  it.each([
    ['no JSON', 'ls -la'],
    ['a list', '[1]'],
    ['a text', '"x"'],
    ['a file that is not there', '@nowhere.json'],
  ])('edit with %s: exit 2, nothing is sent', async (_, text) => {
    const { code, err, sent } = await longhaul('edit', runId, '7', text);
    expect([code, sent]).toEqual([2, []]);
    expect(err.join('\n')).toContain('one JSON object');
  });

  it('a step that is no number, a run that is none: exit 2', async () => {
    expect((await longhaul('skip', runId, 'seven')).code).toBe(2);
    expect((await longhaul('pause', 'nobody')).code).toBe(2);
  });

  it('refused by the run: exit 1, in the run’s words', async () => {
    const detail = 'not possible as the run stands: the run is paused at its limit (max_turns).';
    api.problem = {
      status: 409,
      body: { title: 'not possible as the run stands', detail, code: 'budget_reached', errors: [] },
    };
    const { code, err } = await longhaul('resume', runId);
    expect(code).toBe(1);
    expect(err.join('\n')).toContain('the run is paused at its limit (max_turns)');
  });
});

describe('fork', () => {
  it('its flags: step, overrides, who and why; prints the new id first, then watches', async () => {
    api.streams = [{ events: [anEvent(0, 'run.started'), anEvent(1, 'run.completed', { outcome: 'answered' })] }];
    const flags = ['--step', '12', '--profile', 'p', '--message', 'Go.', '--max-turns', '3', '--reason', 'why'];
    const { out, sent } = await longhaul('fork', runId, ...flags);
    expect(sent[0]).toEqual({
      method: 'POST',
      path: `${path}/fork`,
      body: {
        by: 'ann',
        reason: 'why',
        from_step: 12,
        overrides: { profile: 'p', message: 'Go.', budget: { max_turns: 3 } },
      },
    });
    expect(out[0]).toBe(runId);
  });

  it('--no-watch: the id alone; without --step: exit 2', async () => {
    expect((await longhaul('fork', runId, '--step', '0', '--no-watch')).out).toEqual([runId]);
    expect((await longhaul('fork', runId)).code).toBe(2);
  });
});

describe('render', () => {
  it('each message under its role, control characters harmless; --json: byte for byte', async () => {
    const messages = [
      { role: 'system', content: 'Rules.' },
      { role: 'user', content: 'How\u001b[31m tall?' },
    ];
    api.steps['prompt'] = { step: 4, messages };
    const { out } = await longhaul('render', runId, '--step', '4');
    expect(out[0]).toBe('── 0 system ──');
    expect(out.join('\n')).not.toContain('\u001b');
    const json = await longhaul('render', runId, '--step', '4', '--json');
    expect(JSON.parse(json.out[0] ?? '')).toMatchObject({ messages });
  });
});

describe('replay', () => {
  it('neither runs nor --all, or both: exit 2', async () => {
    expect((await longhaul('replay')).code).toBe(2);
    expect((await longhaul('replay', runId, '--all')).code).toBe(2);
  });

  it('--since with something that is no date: exit 2', async () => {
    expect((await longhaul('replay', '--all', '--since', 'yesterday')).code).toBe(2);
  });
});

describe('show', () => {
  it('a message of a person, an edited call, lineage: each is told', async () => {
    const usage = { inputTokens: 0, outputTokens: 0 };
    const base = { type: 'step', turn: 1, status: 'ok', usage };
    api.run = aRun({ parent: { run: 'rsch_A', step: 3 }, forks: ['rsch_B'], extra_attempts: 2 });
    api.trajectory = [
      { ...base, seq: 0, kind: 'message', contents: [{ name: 'message', text: 'Look north.' }] },
      {
        ...base,
        seq: 1,
        kind: 'tool',
        tool: { server: 's', tool: 'echo', modelSeq: 0, callIndex: 0, source: null },
        hold: { action: 'edit', by: 'ann', why: 'mend' },
        contents: [
          { name: 'observation', text: 'seen' },
          { name: 'arguments', text: '{"q":"edited"}' },
        ],
      },
    ];
    const text = (await longhaul('show', runId)).out.join('\n');
    for (const part of [
      'message of a person',
      'Look north.',
      'by ann: mend',
      '"edited"',
      'from rsch_A at step 3',
      'rsch_B',
      '2 beside',
    ])
      expect(text).toContain(part);
  });
});

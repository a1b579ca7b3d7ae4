import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findApi } from '../../cli/api-address.ts';
import { writeDevState } from '../../cli/dev-state.ts';
import { runCommandLine } from '../../cli/main.ts';
import { aRun, anEvent, type FakeApi, runId, startFakeApi } from './fake-api.ts';

let api: FakeApi;
let folder: string;
let children: ChildProcess[];

beforeEach(async () => {
  api = await startFakeApi();
  folder = await mkdtemp(join(tmpdir(), 'longhaul-cli-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

interface Result {
  readonly code: number;
  readonly out: string[];
  readonly err: string[];
}

async function longhaul(
  args: readonly string[],
  env: Record<string, string> = { LONGHAUL_API_URL: api.url },
): Promise<Result> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCommandLine(args, {
    env,
    print: (line) => void out.push(line),
    tell: (line) => void err.push(line),
    onInterrupt: () => () => {},
  });
  return { code, out, err };
}

const modelStep = anEvent(1, 'step.completed', {
  kind: 'model',
  seq: 0,
  turn: 1,
  usage: { input_tokens: 1200, output_tokens: 80, cached_tokens: 0 },
  cost_micro_usd: 4500,
  calls: [{ tool: 'google_search', pool: 'web', call_index: 0 }],
  preview: 'I search.',
});
const toolStep = anEvent(2, 'step.completed', {
  kind: 'tool',
  seq: 1,
  turn: 1,
  tool: 'google_search',
  status: 'ok',
  preview: 'found',
});
const wholeRun = [anEvent(0, 'run.started'), modelStep, toolStep, anEvent(3, 'run.completed', { outcome: 'answered' })];

describe('research', () => {
  it('a run that answers: the id comes first, then steps, answer, sources and cost', async () => {
    api.streams = [{ events: wholeRun }];
    api.steps[1] = { request: { arguments: { q: 'light age' } }, source: null };
    const { code, out } = await longhaul(['research', 'How old?']);
    const text = out.join('\n');
    expect(out[0]).toBe(runId);
    expect(text).toMatch(/0 +1 +model +1,200\/80 +\$0\.0045 +→ google_search/);
    expect(text).toMatch(/google_search .*light age.*found/);
    expect(text).toContain('answer   17');
    expect(text).toContain('1. A  http://127.0.0.1:8711/wiki/A');
    expect(text).toContain('$0.0123');
    expect(text).toContain('stand-in');
    expect(code).toBe(0);
  });

  it('flags: question, profile, budget and idempotency key are sent as the API takes them', async () => {
    api.streams = [{ events: wholeRun }];
    const flags = ['--profile', 'p', '--max-turns', '3', '--max-cost-usd', '2.5', '--idempotency-key', 'k1'];
    await longhaul(['research', 'Why?', ...flags]);
    const [submit] = api.requests;
    expect(JSON.parse(submit?.body ?? '')).toEqual({
      input: 'Why?',
      profile: 'p',
      budget: { max_turns: 3, max_cost_usd: 2.5 },
    });
    expect(submit?.headers).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': 'k1' });
  });

  it('--json: standard output is one JSON value, the run; progress is on standard error', async () => {
    api.streams = [{ events: wholeRun }];
    const { out, err } = await longhaul(['research', 'How old?', '--json']);
    expect(out).toHaveLength(1);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ id: runId, outcome: 'answered', answer: '17' });
    expect(err[0]).toBe(runId);
    expect(err.join('\n')).toContain('google_search');
  });

  it('--no-watch: the id and nothing else, and no event is asked for', async () => {
    const { code, out } = await longhaul(['research', 'How old?', '--no-watch']);
    expect(out).toEqual([runId]);
    expect(api.requests.map(({ path }) => path)).toEqual(['/v1/research']);
    expect(code).toBe(0);
  });

  it.each([
    ['answered', 0],
    ['abstained', 3],
    ['budget_exhausted', 3],
    ['failed', 4],
    ['cancelled', 5],
  ])('outcome %s: exit code %i', async (outcome, expected) => {
    const error = outcome === 'failed' ? { type: 'Model.Refused', message: 'no' } : null;
    api.run = aRun({ outcome, answer: null, error });
    api.streams = [{ events: wholeRun }];
    expect((await longhaul(['research', 'How old?'])).code).toBe(expected);
  });

  it('the stream breaks: it is opened again after the last event, and nothing is shown twice', async () => {
    api.streams = [{ events: wholeRun.slice(0, 2) }, { events: wholeRun }];
    api.run = aRun();
    const unfinished = aRun({ outcome: null });
    api.run = unfinished;
    const watched = longhaul(['events', runId, '--json']);
    await expect.poll(() => api.requests.filter(({ path }) => path.endsWith('/events')).length).toBe(2);
    api.run = aRun();
    const { out } = await watched;
    const again = api.requests.filter(({ path }) => path.endsWith('/events'))[1];
    expect(again?.headers['last-event-id']).toBe('1');
    expect(out.map((line) => JSON.parse(line).seq)).toEqual([0, 1, 2, 3]);
  });

  it('Ctrl-C: detaches with exit code 0, says how to attach again, and never cancels', async () => {
    api.streams = [{ events: wholeRun.slice(0, 2), hang: true }];
    const args = [join(import.meta.dirname, '../../cli/main.ts'), 'research', 'How old?', '--api', api.url];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let [out, err] = ['', ''];
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out.includes('google_search')) child.kill('SIGINT');
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    expect(err).toContain(`longhaul events ${runId} --after 1`);
    expect(api.requests.map(({ path }) => path).join(' ')).not.toContain('cancel');
  });
});

describe('events', () => {
  it('after the last event of a run that has ended: no event, and its end with its exit code', async () => {
    api.run = aRun({ outcome: 'abstained', answer: null });
    const { code, out } = await longhaul(['events', runId, '--after', '500']);
    expect(api.requests.find(({ path }) => path.endsWith('/events'))?.headers['last-event-id']).toBe('500');
    expect(out.join('\n')).toContain('outcome  abstained');
    expect(code).toBe(3);
  });
});

describe('show', () => {
  const record = { turn: 1, status: 'ok', usage: { inputTokens: 1, outputTokens: 1 }, startedAtMs: 0, endedAtMs: 1500 };
  const calls = JSON.stringify([
    { server: 's', tool: 'google_search', arguments: { q: 'light' }, argumentsError: null },
  ]);

  beforeEach(() => {
    api.trajectory = [
      { type: 'run', question: 'q' },
      {
        type: 'step',
        ...record,
        seq: 0,
        kind: 'model',
        model: { purpose: 'turn', model: 'm' },
        contents: [
          { name: 'reply', bytes: 9, text: 'I search.\u001b[2J\u202e' },
          { name: 'calls', bytes: 9, text: calls },
        ],
      },
      {
        type: 'step',
        ...record,
        seq: 1,
        kind: 'tool',
        delivery: 2,
        tool: { server: 's', tool: 'google_search', modelSeq: 0, callIndex: 0, source: null },
        contents: [{ name: 'observation', bytes: 9, text: `found${'x'.repeat(1000)}` }],
      },
    ];
  });

  it('all steps: each with its request from the model that asked, and its observation', async () => {
    const text = (await longhaul(['show', runId])).out.join('\n');
    expect(text).toContain('question How old is the light?');
    expect(text).toMatch(/step 1 {2}turn 1 {2}google_search {2}ok {2}1\.5 s/);
    expect(text).toContain('request      {"q":"light"}');
    expect(text).toContain('delivery 2');
    expect(text).toContain('(1,005 characters)');
  });

  it('text of a model with control characters: shown escaped, never as it is', async () => {
    const text = (await longhaul(['show', runId])).out.join('\n');
    expect(text).toContain('I search.\\x1b[2J\\u{202e}');
    // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  });

  it('--step: that step alone, with all of its text', async () => {
    const { out } = await longhaul(['show', runId, '--step', '1']);
    expect(out.join('\n')).toContain('x'.repeat(1000));
    expect(out.join('\n')).not.toContain('I search.');
  });

  it('--json: run and steps, each with its request', async () => {
    const { out } = await longhaul(['show', runId, '--json']);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      run: { id: runId },
      steps: [{ seq: 0 }, { seq: 1, request: { q: 'light' } }],
    });
  });

  it('a run that waits: says for what, and until when', async () => {
    api.run = aRun({
      outcome: null,
      status: 'in_progress',
      waitingFor: { reason: 'Model.Unavailable', message: 'no answer' },
      waitUntil: '2026-11-24T04:00:00.000Z',
    });
    const text = (await longhaul(['show', runId])).out.join('\n');
    expect(text).toContain('waiting for Model.Unavailable: no answer, next try at 2026-11-24T04:00:00.000Z');
  });

  it('an id without its prefix: the same run', async () => {
    await longhaul(['show', runId.slice('rsch_'.length).toLowerCase()]);
    expect(api.requests[0]?.path).toBe(`/v1/research/${runId}`);
  });
});

describe('list, cancel', () => {
  it('list: one line a run, its question harmless, and the command for the next page', async () => {
    api.list = { object: 'list', data: [aRun({ input: 'a\u001b[31m' })], last_id: runId, has_more: true };
    const { out } = await longhaul(['list', '--limit', '1', '--status', 'completed']);
    expect(out[0]).toContain('a\\x1b[31m');
    expect(out[1]).toContain(`--after ${runId}`);
    expect(api.requests[0]?.path).toBe('/v1/research?limit=1&status=completed');
  });

  it('cancel: asks for it, and returns at once', async () => {
    api.run = aRun({ outcome: null, status: 'in_progress' });
    const { code, out } = await longhaul(['cancel', runId]);
    expect(api.requests[0]).toMatchObject({ method: 'POST', path: `/v1/research/${runId}/cancel` });
    expect(out[0]).toContain('is being cancelled');
    expect(code).toBe(0);
  });
});

describe('what goes wrong', () => {
  it.each([
    [['research']],
    [['research', 'q', '--max-turns', 'many']],
    [['research', 'q', '--max-cost-usd', '0']],
    [['show', 'no-id']],
    [['nothing']],
    [['list', '--colour']],
    [['list', '--api', 'ftp://x']],
  ])('%j: exit code 2, and nothing is sent', async (args) => {
    const { code, err } = await longhaul(args);
    expect(code).toBe(2);
    expect(err.join('')).not.toBe('');
    expect(api.requests).toEqual([]);
  });

  it('a problem of the API: its own words with field and mend, exit code 2 for bad input', async () => {
    const detail = "invalid input: /budget/max_turns: at most 600, the profile's own limit. Ask for less.";
    const errors = [{ pointer: '/budget/max_turns', rule: 'invalid_field', detail: 'at most 600' }];
    api.problem = { status: 422, body: { title: 'invalid input', detail, code: 'invalid_field', errors } };
    const { code, err } = await longhaul(['research', 'q', '--max-turns', '9999']);
    expect(err.join('\n')).toContain("/budget/max_turns: at most 600, the profile's own limit. Ask for less.");
    expect(code).toBe(2);
  });

  it('an unknown run: exit code 1', async () => {
    api.problem = {
      status: 404,
      body: { title: 'not found', detail: 'not found: there is no such run.', code: 'not_found' },
    };
    const { code, err } = await longhaul(['events', runId]);
    expect(err.join('\n')).toContain('there is no such run');
    expect(code).toBe(1);
  });

  it('no API at the address: names it and the command that starts one', async () => {
    await api.close();
    const { code, err } = await longhaul(['list']);
    expect(err.join('\n')).toContain(api.url);
    expect(err.join('\n')).toContain('npm run dev');
    expect(code).toBe(1);
  });

  it('something else at the address: said so', async () => {
    api.problem = { status: 500, body: {} };
    const { code } = await longhaul(['list']);
    expect(code).toBe(1);
  });

  it('--help: exit code 0, names every command, hides those of npm', async () => {
    const { code, out } = await longhaul(['--help']);
    for (const name of ['research', 'list', 'show', 'events', 'cancel', 'doctor', 'dev', 'demo']) {
      expect(out.join('\n')).toMatch(new RegExp(`^ {2}${name}`, 'm'));
    }
    expect(out.join('\n')).not.toMatch(/^ {2}bench/m);
    expect(code).toBe(0);
  });
});

describe('address of the API', () => {
  it('a running development stack: found by its state file; a dead one is not believed', async () => {
    writeDevState(folder, { pid: process.pid, api: api.url, temporalUi: null });
    await longhaul(['list'], { LONGHAUL_DATA_DIR: folder });
    expect(api.requests).toHaveLength(1);
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'exit');
    writeDevState(folder, { pid: gone.pid ?? 0, api: api.url, temporalUi: null });
    expect(findApi(undefined, { LONGHAUL_DATA_DIR: folder })).toBe('http://127.0.0.1:8700');
  });

  it('--api beats LONGHAUL_API_URL', async () => {
    await longhaul(['list', '--api', api.url], { LONGHAUL_API_URL: 'http://127.0.0.1:9' });
    expect(api.requests).toHaveLength(1);
  });
});

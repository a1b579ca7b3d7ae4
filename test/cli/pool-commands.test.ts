import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runCommandLine } from '../../cli/main.ts';
import { startReplica } from '../activities/model/pool/replica-fixture.ts';
import { startServer } from '../activities/web/local-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'longhaul-pool-cli-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs a command line; what it printed and told, and its exit code. */
async function run(args: readonly string[], env: Record<string, string> = {}) {
  const printed: string[] = [];
  const told: string[] = [];
  const terminal = {
    env,
    print: (line: string) => void printed.push(line),
    tell: (line: string) => void told.push(line),
    onInterrupt: () => () => {},
  };
  const code = await runCommandLine(['pool', ...args], terminal);
  return { code, out: printed.join('\n'), err: told.join('\n') };
}

describe('longhaul pool advise', () => {
  it('without flags: the table, the best batch marked, the lines for the pools file', async () => {
    const { code, out } = await run(['advise', '--replicas', '8']);
    expect(code).toBe(0);
    expect(out).toMatch(/B = 10 .*least GPU time/u);
    expect(out).toContain('kv: { tokens: 808277 }');
    expect(out).toContain('none was measured');
  });

  it('--json: one object that says it is a model', async () => {
    const { out } = await run(['advise', '--json']);
    expect(JSON.parse(out)).toMatchObject({ modelled: true, batch: 10, usableTokens: 244_760 });
  });

  it.each([[['--model', 'gpt']], [['--replicas', '0']], [['--kv-gib', '-1']]])('%j: refused', async (flags) => {
    expect((await run(['advise', ...flags])).code).toBe(2);
  });
});

describe('longhaul pool launch', () => {
  it('a profile: the command alone on standard output, the notes and the check beside it', async () => {
    const { code, out, err } = await run(['launch', 'mirothinker-v1.5-30b', '--server', 'vllm', '--port', '8001']);
    expect(code).toBe(0);
    expect(out).toMatch(/^vllm serve miromind-ai\/MiroThinker-v1\.5-30B [^\n]*--max-model-len 262144[^\n]*$/u);
    expect(err).toContain('longhaul pool check http://127.0.0.1:8001/v1 --model MiroThinker-v1.5-30B');
    expect(err).toContain('every past <think> block');
  });

  it('--model: those weights; --json: the whole recipe', async () => {
    const { out } = await run(['launch', 'mirothinker-1.7-mini', '--form', 'gguf', '--model', './m.gguf', '--json']);
    expect(JSON.parse(out)).toMatchObject({ server: 'llama.cpp', variant: { form: 'gguf', status: 'community' } });
    expect(out).toContain('./m.gguf');
  });

  it.each([
    [['nobody'], 'there is no profile nobody'],
    [['openai-tools'], 'for any model'],
    [['mirothinker-v1.0-8b', '--form', 'gguf'], '--model'],
    [['mirothinker-v1.0-8b', '--form', 'int3'], 'Known: bf16'],
  ])('%j: refused, and what can be done', async (args, message) => {
    const { code, err } = await run(['launch', ...args]);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });
});

describe('longhaul pool check', () => {
  it('nobody there: fails, and says so', async () => {
    const { code, out } = await run(['check', 'http://127.0.0.1:9/v1', '--model', 'm']);
    expect(code).toBe(1);
    expect(out).toContain('FAILED  reached');
  });
});

describe('longhaul pool status', () => {
  it('replicas and a worker: both are shown', async () => {
    const [first, second] = await Promise.all([startReplica(), startReplica()]);
    first.metrics = 'vllm:num_requests_running 3\nvllm:prefix_cache_queries 200\nvllm:prefix_cache_hits 150\n';
    await second.stop();
    await using worker = await startServer((_request, response) => {
      response.end(`longhaul_run_calls_total{pool="main",run="R1",tenant="acme"} 4
longhaul_run_prompt_tokens_total{pool="main",run="R1",tenant="acme"} 1000
longhaul_run_cached_tokens_total{pool="main",run="R1",tenant="acme"} 900
longhaul_pool_moves_total{pool="main",from="a",to="b",reason="moved"} 2
longhaul_pool_queue_seconds_sum{lane="turn",priority="3"} 3
longhaul_pool_queue_seconds_count{lane="turn",priority="3"} 6
`);
    });
    const file = join(directory, 'pools.yaml');
    const main = {
      replicas: { static: [first, second].map(({ url }) => ({ url })) },
      models: [{ name: 'a-model' }],
      concurrency: 8,
    };
    writeFileSync(file, stringify({ pools: { main } }));
    const { code, out } = await run(['status', '--worker', worker.origin], { LONGHAUL_MODEL_POOLS_FILE: file });
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`main +${first.id} +up +vllm 0\\.32\\.0 +3 +– +– +– +75\\.0 %`, 'u'));
    expect(out).toMatch(new RegExp(`main +${second.id} +down`, 'u'));
    expect(out).toMatch(/R1 +acme +4 +90\.0 % /u);
    expect(out).toContain('moved: 2 from a to b (moved)');
    expect(out).toContain('turn 0.50 s');
    await first.stop();
  });

  it('no file: refused', async () => {
    expect(await run(['status'])).toMatchObject({ code: 2, err: expect.stringContaining('LONGHAUL_MODEL_POOLS_FILE') });
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadModelPools } from '../../../workers/compose/model-pools.ts';

const directory = mkdtempSync(join(tmpdir(), 'longhaul-pools-file-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const main = {
  replicas: { static: [{ url: 'http://gpu-0:8000/v1' }, { url: 'http://gpu-1:8000/v1', drain: true }] },
  models: [{ name: 'mirothinker-v1.5-30b' }],
  concurrency: 16,
};

function load(content: unknown, env: Record<string, string> = {}) {
  const file = join(directory, 'pools.yaml');
  writeFileSync(file, typeof content === 'string' ? content : stringify(content));
  return loadModelPools(file, env);
}

/** The one message of a file that cannot be used. */
function problemsOf(content: unknown, env: Record<string, string> = {}): string {
  try {
    load(content, env);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  return '';
}

describe('a pools file', () => {
  it('the shortest one: every other value has its default, and the other pools are the main one', () => {
    const pools = load({ pools: { main } });
    expect(pools.main.pool).toMatchObject({
      engine: null,
      routing: { spillFactor: 1.25, moveFactor: 2 },
      timeouts: { firstTokenMs: 120_000, idleMs: 60_000 },
      send: { sessionId: true, cacheSalt: true, priority: false },
      kv: null,
    });
    expect(pools.reader).toEqual(pools.main);
    expect(pools.judge.name).toBe('main');
  });

  it('a pool of its own for the reader: found by DNS or in the cluster', () => {
    const dns = { ...main, replicas: { dns: { name: 'reader.gpu.svc', port: 8000 } } };
    const kubernetes = { ...main, replicas: { kubernetes: { service: 'judge', port: 'http' } } };
    const pools = load({ pools: { main, reader: dns, judge: kubernetes } });
    expect(pools.reader).toMatchObject({
      name: 'reader',
      pool: { replicas: { dns: { path: '/v1', refreshMs: 5_000 } } },
    });
    expect(pools.judge.pool.replicas.kubernetes).toMatchObject({ service: 'judge', port: 'http' });
  });

  it('a key: by the name of its variable, which must be set', () => {
    const keyed = { pools: { main: { ...main, apiKeyEnv: 'GPU_KEY' } } };
    expect(load(keyed, { GPU_KEY: 'sk-1' }).main.apiKey).toBe('sk-1');
    expect(problemsOf(keyed)).toContain('pools.main.apiKeyEnv: GPU_KEY is not set');
    expect(problemsOf({ pools: { main: { ...main, apiKeyEnv: 'sk-secret' } } })).not.toContain('sk-secret');
  });

  it('many bad keys: all in one error, each by its path', () => {
    const bad = {
      replicas: { static: [{ url: 'gpu-0:8000' }], dns: { name: 'x', port: 70_000 } },
      models: [],
      concurrency: 0,
      engine: 'triton',
      kv: { gib: 74 },
      health: { everyMS: 5 },
      typo: 1,
    };
    const message = problemsOf({ pools: { main: bad, other: {} } });
    for (const path of [
      'pools.main.replicas.static.0.url',
      'pools.main.replicas.dns.port',
      'pools.main.models',
      'pools.main.concurrency',
      'pools.main.engine',
      'pools.main.kv',
      'pools.main.health',
      'typo',
      'other',
    ])
      expect(message).toContain(path);
  });

  it.each([
    ['no main pool', { pools: {} }, 'pools.main'],
    [
      'two sources of replicas',
      { pools: { main: { ...main, replicas: { static: [{ url: 'http://a/v1' }], dns: { name: 'a', port: 1 } } } } },
      'exactly one of',
    ],
    ['no source', { pools: { main: { ...main, replicas: {} } } }, 'exactly one of'],
    [
      'two models of one name',
      { pools: { main: { ...main, models: [{ name: 'a' }, { name: 'a' }] } } },
      'two models have one name',
    ],
    [
      'one replica twice',
      { pools: { main: { ...main, replicas: { static: [{ url: 'http://a/v1' }, { url: 'http://a/v1' }] } } } },
      'two replicas have one name',
    ],
    ['no YAML', 'pools: [', 'cannot be read as YAML'],
    ['an empty file', '', '(root)'],
  ])('%s: refused', (_, content, message) => {
    expect(problemsOf(content)).toContain(message);
  });

  it('no file: refused with its name', () => {
    expect(() => loadModelPools(join(directory, 'absent.yaml'), {})).toThrow('absent.yaml');
  });
});

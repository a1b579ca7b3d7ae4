import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { failureOf } from '../../web/local-server.ts';
import { aRequest, aStream, openPool, startReplica, type TestReplica } from './replica-fixture.ts';

const signal = new AbortController().signal;
const open: TestReplica[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((replica) => replica.stop()));
});

async function start(count: number): Promise<TestReplica[]> {
  const replicas = await Promise.all(Array.from({ length: count }, () => startReplica()));
  open.push(...replicas);
  return replicas;
}

const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message: `refused with ${code}` } }));
  };
const runs = Array.from({ length: 24 }, (_, index) => `run-${index}`);
const askedOf = (replicas: readonly TestReplica[], run: string) =>
  replicas.filter(({ asked }) => asked.includes(run)).map(({ id }) => id);

/** Conditions of real servers come when they come. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('calls of a pool', () => {
  it('many runs over three replicas: each stays at its own, and the reply says which', async () => {
    const replicas = await start(3);
    const { chat, ended, moves } = openPool(replicas);
    for (let turn = 0; turn < 3; turn += 1) {
      for (const run of runs) {
        const reply = await chat.complete(aRequest(run), signal);
        expect(askedOf(replicas, run)).toEqual([reply.replica]);
      }
    }
    expect(moves).toEqual([]);
    expect(new Set(ended.map(({ replica }) => replica)).size).toBe(3);
    expect(ended[0]).toMatchObject({ failure: null, reason: 'first', usage: { cachedTokens: 64 }, costMicroUsd: null });
  });

  it('two workers that never talk: the same replica for every run', async () => {
    const replicas = await start(3);
    const [one, other] = [openPool(replicas), openPool(replicas)];
    for (const run of runs) {
      const replies = await Promise.all([one, other].map(({ chat }) => chat.complete(aRequest(run), signal)));
      expect(replies[0]?.replica).toBe(replies[1]?.replica);
    }
  });

  it('a run whose record names its replica: goes there on a worker that has never seen it', async () => {
    const replicas = await start(3);
    for (const { id } of replicas) {
      const { chat } = openPool(replicas);
      expect((await chat.complete(aRequest('run-1', { home: id }), signal)).replica).toBe(id);
    }
  });

  it('a dead replica: its runs spread at once, and only its own; back again, it gets new runs only', async () => {
    const replicas = await start(3);
    const [dead] = replicas;
    const { chat, moves } = openPool(replicas);
    const homes = new Map<string, string>();
    for (const run of runs) homes.set(run, (await chat.complete(aRequest(run), signal)).replica ?? '');
    await dead!.stop();
    const places = new Map<string, string>();
    for (const run of runs) places.set(run, (await chat.complete(aRequest(run), signal)).replica ?? '');
    const moved = runs.filter((run) => homes.get(run) === dead?.id);
    expect(moves.map(({ run }) => run).toSorted()).toEqual(moved.toSorted());
    expect(new Set(moved.map((run) => places.get(run))).size).toBe(2);
    for (const run of runs.filter((each) => !moved.includes(each))) expect(places.get(run)).toBe(homes.get(run));
    await dead!.restart();
    for (const run of runs) expect((await chat.complete(aRequest(run), signal)).replica).toBe(places.get(run));
  });

  it.each([
    ['Retry-After in seconds', { 'retry-after': '7' }, 7_000],
    ['Retry-After-Ms', { 'retry-after-ms': '300' }, 300],
  ])('503 with %s: the call moves, and the replica is left alone for that long', async (_, headers, waitMs) => {
    const replicas = await start(2);
    const { chat, clock, pool } = openPool(replicas);
    const home = (await chat.complete(aRequest('run-1'), signal)).replica;
    const storm = replicas.find(({ id }) => id === home);
    storm!.behaviour = status(503, headers);
    expect((await chat.complete(aRequest('run-1'), signal)).replica).not.toBe(home);
    const seen = storm!.asked.length;
    await chat.complete(aRequest('run-1', { home }), signal);
    expect(storm!.asked).toHaveLength(seen);
    clock.nowMs += waitMs;
    expect(pool.replicas.find(({ id }) => id === home)?.state(clock.nowMs)).toBe('up');
  });

  it('all refuse: a wait with the shortest hint, and nobody is asked twice', async () => {
    const replicas = await start(2);
    const { chat, pool } = openPool(replicas);
    await pool.start();
    replicas[0]!.behaviour = status(429, { 'retry-after': '60' });
    replicas[1]!.behaviour = status(429, { 'retry-after': '5' });
    expect(await failureOf(chat.complete(aRequest('run-1'), signal))).toMatchObject({
      type: 'Model.RateLimited',
      facts: { retryAfterMs: 5_000 },
    });
    expect(replicas.flatMap(({ asked }) => asked)).toEqual(['run-1', 'run-1']);
  });

  it('a replica that answers its probe and generates nothing: no call after three that broke, until one token came', async () => {
    const replicas = await start(1);
    const { chat, clock, pool, changes } = openPool(replicas);
    const [replica] = replicas;
    replica!.behaviour = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': nothing comes\n\n', () => response.destroy());
    };
    for (let call = 0; call < 3; call += 1) {
      expect(await failureOf(chat.complete(aRequest(`run-${call}`), signal))).toMatchObject({
        type: 'Model.StreamCut',
      });
    }
    expect(await failureOf(chat.complete(aRequest('run-4'), signal))).toMatchObject({ type: 'Model.Unavailable' });
    expect(replica!.asked).toHaveLength(3);
    clock.nowMs += 5_000;
    await pool.look();
    await until(() => replica!.asked.length === 4);
    expect(await failureOf(chat.complete(aRequest('run-5'), signal))).toMatchObject({ type: 'Model.Unavailable' });
    await until(() => pool.replicas[0]?.trying === false);
    replica!.behaviour = null;
    clock.nowMs += 10_000;
    await pool.look();
    await until(() => changes.includes(`${replica!.id} up`));
    expect((await chat.complete(aRequest('run-6'), signal)).text).toBe('Tall.');
    expect(replica!.asked.slice(3)).toEqual(['ping', 'ping', 'run-6']);
  });

  it('a frozen replica: its silent call is ended once its probes fail, and goes on elsewhere within the attempt', async () => {
    const replicas = await start(2);
    const { chat, pool, moves } = openPool(replicas, { health: { everyMs: 3_600_000, timeoutMs: 1_000, failures: 2 } });
    const home = (await chat.complete(aRequest('run-1'), signal)).replica;
    const frozen = replicas.find(({ id }) => id === home)!;
    frozen.behaviour = () => {};
    const call = chat.complete(aRequest('run-1'), signal);
    await until(() => frozen.asked.length === 2);
    frozen.isHealthy = false;
    await pool.look();
    await pool.look();
    expect((await call).replica).not.toBe(home);
    expect(moves).toMatchObject([{ run: 'run-1', from: home, reason: 'moved' }]);
  });

  it('a replica that dies in the middle of a reply: away, not cut, so that no fault is counted, and the call moves', async () => {
    const replicas = await start(2);
    const { chat } = openPool(replicas);
    const home = (await chat.complete(aRequest('run-1'), signal)).replica;
    const dying = replicas.find(({ id }) => id === home)!;
    dying.behaviour = (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(aStream.slice(0, 60), () => void dying.stop());
    };
    expect(await chat.complete(aRequest('run-1'), signal)).toMatchObject({ text: 'Tall.' });
    expect(dying.asked).toEqual(['run-1', 'run-1']);
  });

  it('a refused request: a failure of the request, and no other replica is asked', async () => {
    const replicas = await start(2);
    const { chat } = openPool(replicas);
    for (const replica of replicas) replica.behaviour = status(400);
    expect(await failureOf(chat.complete(aRequest('run-1'), signal))).toMatchObject({ type: 'Model.Refused' });
    expect(replicas.flatMap(({ asked }) => asked)).toEqual(['run-1']);
  });

  it('cancelled: ended at once, and nothing is held against the replica', async () => {
    const replicas = await start(1);
    const { chat, pool, clock } = openPool(replicas);
    replicas[0]!.behaviour = () => {};
    for (let round = 0; round < 4; round += 1) {
      const controller = new AbortController();
      const ended = failureOf(chat.complete(aRequest('run-1'), controller.signal));
      await until(() => replicas[0]!.asked.length === round + 1);
      controller.abort();
      expect((await ended).type).toBeUndefined();
    }
    expect(pool.replicas[0]?.state(clock.nowMs)).toBe('up');
    expect(pool.replicas[0]?.inFlight()).toBe(0);
  });

  it('a model that no replica serves: refused, with what to compare', async () => {
    const replicas = await start(1);
    replicas[0]!.models = ['another'];
    const { chat } = openPool(replicas);
    expect(await failureOf(chat.complete(aRequest('run-1'), signal))).toMatchObject({
      type: 'Model.Refused',
      message: expect.stringContaining('a-model'),
    });
  });

  it('a LoRA adapter: asked for by its own name, at a replica that has it', async () => {
    const replicas = await start(2);
    replicas[0]!.models = ['base'];
    replicas[1]!.models = ['base', 'tuned-7'];
    const models = [{ name: 'a-model', served: 'tuned-7', loraOf: 'base' }];
    const { chat } = openPool(replicas, { models });
    for (const run of runs) expect((await chat.complete(aRequest(run), signal)).replica).toBe(replicas[1]!.id);
  });

  it('a prompt that changed in its middle: told, once for each', async () => {
    const { chat, spoiled } = openPool(await start(1));
    const ask = (...contents: readonly string[]) => {
      const messages = contents.map(
        (content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }) as const,
      );
      return chat.complete(aRequest('run-1', { messages }), signal);
    };
    await ask('task');
    await ask('task', 'reply', 'page');
    await ask('task', 'another reply', 'page', 'reply 2');
    expect(spoiled).toEqual(['run-1 at 1']);
  });

  it('prices in the pools file: each call’s cost', async () => {
    const prices = {
      inputMicroUsdPerMillion: 1_000_000,
      cachedMicroUsdPerMillion: 0,
      outputMicroUsdPerMillion: 2_000_000,
    };
    const { chat, ended } = openPool(await start(1), { models: [{ name: 'a-model', prices }] });
    await chat.complete(aRequest('run-1'), signal);
    expect(ended[0]?.costMicroUsd).toBe(36 + 14);
  });
});

const preempted = (count: number) => `vllm:num_preemptions_total ${count}\n`;
const long = (run: string, tokens: number) =>
  aRequest(run, { messages: [{ role: 'user', content: 'x'.repeat(tokens * 4) }] });

describe('what a pool has room for', () => {
  it('the replicas’ own word on their caches: counted; one that is down: not', async () => {
    const replicas = await start(2);
    for (const replica of replicas)
      replica.metrics = 'vllm:cache_config_info{block_size="16",num_gpu_blocks="1000"} 1\n';
    const { pool } = openPool(replicas, { admission: { workers: 2 } });
    await pool.start();
    const both = replicas.map(({ id }) => ({ id, kvTokens: 16_000 }));
    expect(pool.capacity()).toEqual({ replicas: both, share: 0.5, calls: 8, isStrained: false });
    replicas[0]!.isHealthy = false;
    for (let look = 0; look < 3; look += 1) await pool.look();
    expect(pool.capacity()).toMatchObject({ replicas: both.slice(1), calls: 4 });
  });

  it('preemptions since the last look, or requests that wait, on every replica: strained', async () => {
    const replicas = await start(2);
    const { pool, clock } = openPool(replicas);
    for (const replica of replicas) replica.metrics = preempted(3);
    await pool.start();
    expect(pool.capacity().isStrained).toBe(false);
    for (const replica of replicas) replica.metrics = preempted(4);
    await pool.look();
    expect(pool.capacity().isStrained).toBe(true);
    clock.nowMs += 30_000;
    expect(pool.capacity().isStrained).toBe(false);
    replicas[0]!.metrics = 'vllm:num_requests_waiting 2\n';
    await pool.look();
    expect(pool.capacity().isStrained).toBe(false);
  });

  it('contexts that no longer fit: the youngest waits outside, and is asked of no server', async () => {
    const replicas = await start(1);
    const { chat, pool, parked } = openPool(replicas, {
      kv: { tokens: 10_000 },
      admission: { expectedRunTokens: 4_000, reserve: 0 },
    });
    await pool.start();
    for (const [run, tokens] of [
      ['old', 6_000],
      ['young', 3_500],
    ] as const) {
      pool.admission.begin({ run, tokens, replica: replicas[0]!.id, nowMs: 0 });
    }
    const home = replicas[0]!.id;
    expect(await failureOf(chat.complete({ ...long('young', 4_500), home }, signal))).toMatchObject({
      type: 'Model.PoolFull',
      facts: { retryAfterMs: 15_000 },
    });
    expect(parked).toEqual(['young']);
    expect(replicas[0]!.asked).toEqual([]);
  });

  it('a last call: the run’s place is free after it', async () => {
    const { chat, pool } = openPool(await start(1));
    await chat.complete(aRequest('run-1'), signal);
    expect(pool.admission.residents()).toMatchObject([{ run: 'run-1', tokens: 107 }]);
    await chat.complete(aRequest('run-1', { isLast: true }), signal);
    expect(pool.admission.residents()).toEqual([]);
  });
});

describe('replicas that come and go', () => {
  it('added and removed: asked and let go; unknown for a moment: those known stay', async () => {
    const replicas = await start(3);
    let found: readonly TestReplica[] | null = replicas.slice(0, 2);
    const discovery = {
      refreshMs: null,
      find: async () => {
        if (found === null) throw new Error('no answer');
        return found.map(({ id, url }) => ({ id, url, weight: 1, drain: false }));
      },
    };
    const { pool, chat } = openPool(replicas, {}, discovery);
    await pool.start();
    found = null;
    await pool.refresh();
    expect(pool.replicas.map(({ id }) => id)).toEqual(replicas.slice(0, 2).map(({ id }) => id));
    found = replicas.slice(1);
    await pool.refresh();
    const homes = await Promise.all(
      runs.map(async (run) => (await chat.complete(aRequest(run, { home: replicas[0]!.id }), signal)).replica),
    );
    expect(new Set(homes)).toEqual(new Set(replicas.slice(1).map(({ id }) => id)));
  });
});

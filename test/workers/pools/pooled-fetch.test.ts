import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { OpenAI } from 'openai';
import { modelPoolSchema } from '../../../domain/pool/pool-config.ts';
import { createPooledFetch } from '../../../workers/pools/pooled-fetch.ts';
import { startReplica, type TestReplica } from '../../activities/model/pool/replica-fixture.ts';

const open: TestReplica[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((replica) => replica.stop()));
});

async function openClient(count: number, served?: string) {
  const replicas = await Promise.all(Array.from({ length: count }, () => startReplica()));
  open.push(...replicas);
  const pool = modelPoolSchema.parse({
    replicas: { static: replicas.map(({ url }) => ({ url })) },
    models: [{ name: 'a-model', ...(served === undefined ? {} : { served }) }],
    concurrency: 8,
  });
  const fetch = createPooledFetch({ name: 'reader', pool, apiKey: null });
  const client = new OpenAI({ baseURL: 'http://pool.invalid/v1', apiKey: 'none', maxRetries: 0, fetch });
  const ask = (key: string) =>
    client.chat.completions.create(
      { model: 'a-model', messages: [{ role: 'user', content: 'x' }] },
      { headers: { 'Idempotency-Key': key } },
    );
  return { replicas, ask };
}

const keys = Array.from({ length: 20 }, (_, index) => `step-${index}`);
const busy = (response: ServerResponse) => void response.writeHead(503, { 'retry-after': '30' }).end('{}');

describe('a client over a pool', () => {
  it('requests: spread over the replicas', async () => {
    const { replicas, ask } = await openClient(2);
    for (const key of keys) expect((await ask(key)).choices[0]?.message.content).toBe('pong');
    for (const { asked } of replicas) expect(asked.length).toBeGreaterThan(4);
  });

  it('one replica away, one busy: the third answers, and the busy one is left alone', async () => {
    const { replicas, ask } = await openClient(3);
    await ask('first');
    const [away, crowded, well] = replicas;
    await away!.stop();
    crowded!.behaviour = busy;
    for (const key of keys) expect((await ask(key)).choices).toHaveLength(1);
    expect(crowded!.asked.filter((each) => each === 'ping').length).toBeLessThanOrEqual(12);
    expect(well!.asked.length).toBeGreaterThanOrEqual(20);
  });

  it('all busy: their own answer, with its hint', async () => {
    const { replicas, ask } = await openClient(2);
    for (const replica of replicas) replica.behaviour = busy;
    await expect(ask('step-1')).rejects.toMatchObject({ status: 503 });
  });

  it('a model of another name at the servers: asked for by that', async () => {
    const { replicas, ask } = await openClient(1, 'served-name');
    replicas[0]!.models = ['served-name'];
    expect((await ask('step-1')).choices).toHaveLength(1);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import proto from '@temporalio/proto';
import { stringify } from 'yaml';
import { toEntryQueue } from '../../domain/pool/lanes.ts';
import { type PriorityClass, toRunPriority } from '../../domain/pool/priority.ts';
import { poolNames } from '../../domain/tools.ts';
import { createScriptedMind } from '../../infra/dev/model-server/scripted.ts';
import { type ModelServer, startModelServer } from '../../infra/dev/model-server/server.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { readRecords } from '../support/oracle.ts';
import { startPool, waitFor } from '../support/processes.ts';

const echo = { server: 'test', tool: 'echo', arguments: { turn: '{seq}' } };
const final = { text: 'Done.\n\\boxed{done}' };
const turns = 3;
const scenario: Extract<Parameters<typeof createScriptedMind>[0], { generate: 'loop' }> = {
  generate: 'loop',
  turns,
  tools: [echo],
  final,
  delayMs: 20,
};

let directory: string;
let replicas: ModelServer[];
let surroundings: Surroundings;
let house: House;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'longhaul-pool-test-'));
  surroundings = await openSurroundings(scenario);
  replicas = await Promise.all([0, 1, 2].map(() => startModelServer({ mode: createScriptedMind(scenario) })));
});

afterEach(async () => {
  await house.close();
});

afterAll(async () => {
  await Promise.all(replicas.map((replica) => replica.close()));
  await surroundings.close();
  await rm(directory, { recursive: true, force: true });
});

async function writePools(change: object): Promise<string> {
  const file = join(directory, `pools-${Object.keys(change).join('-')}.yaml`);
  const main = {
    replicas: { static: replicas.map(({ url }) => ({ url })) },
    models: [{ name: 'longhaul-scripted' }],
    concurrency: 8,
    ...change,
  };
  await writeFile(file, stringify({ pools: { main } }));
  return file;
}

const others = poolNames.filter((name) => name !== 'model');

/** A house without its model pool; runs can be submitted and wait. */
async function openWaitingHouse(change: object): Promise<void> {
  const env = { LONGHAUL_MODEL_POOLS_FILE: await writePools(change) };
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [others], env });
}

const submit = (tenant: string, priorityClass: PriorityClass = 'batch') =>
  house.submit('How tall?', undefined, { tenant, priority: toRunPriority({ priorityClass, tenant }) });

const describeQueue = (name: string) =>
  house.client.workflowService.describeTaskQueue({
    namespace: house.client.options.namespace,
    taskQueue: { name },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    reportConfig: true,
  });

const sessionsOf = ({ requests }: ModelServer) => requests().map(({ session }) => session);

/** Runs in the order in which their first calls came. */
function firstCalls(): string[] {
  const all = replicas.flatMap(({ requests }) => requests()).toSorted((left, right) => (left.at < right.at ? -1 : 1));
  return [...new Set(all.map(({ session }) => session ?? ''))];
}

describe('a pool of three replicas behind the real engine', () => {
  it('six runs: each answered by one replica, named in its records; metrics of both queues', async () => {
    await openWaitingHouse({});
    const model = await startPool(['model'], house.env);
    try {
      const runs = await Promise.all(Array.from({ length: 6 }, () => submit('default')));
      for (const run of runs) expect(await run.outcome()).toMatchObject({ outcome: 'answered', answer: 'done' });
      for (const { run } of runs) {
        const asked = replicas.filter((replica) => sessionsOf(replica).includes(run.runId));
        expect(asked).toHaveLength(1);
        const records = await readRecords(house.storage.trajectory, run);
        const places = records.flatMap(({ record }) => record.model?.replica ?? []);
        expect(new Set(places)).toEqual(new Set([`127.0.0.1:${asked[0]?.port}`]));
        expect(places).toHaveLength(turns + 2);
      }
      const text = await (await fetch(model.healthUrl.replace('healthz', 'metrics'))).text();
      expect(text).toMatch(/^longhaul_pool_calls_total\{pool="main",replica="127\.0\.0\.1:\d+",outcome="ok"\} \d+$/mu);
      expect(text).toMatch(/^longhaul_pool_queue_seconds_count\{lane="entry",priority="3"\} 6$/mu);
      expect(text).toMatch(
        new RegExp(
          `^longhaul_run_calls_total\\{pool="main",run="${runs[0]?.run.runId}",tenant="default"\\} ${turns + 2}$`,
          'mu',
        ),
      );
      expect(text).toMatch(/^temporal_/mu);
    } finally {
      await model.stop();
    }
  });

  it('a place for one run at a time: classes in order, tenants in turn, and each run to its end before the next', async () => {
    // The cache of the one replica is smaller than a run is expected to be: one at a time has it to itself.
    await openWaitingHouse({
      replicas: { static: replicas.slice(0, 1).map(({ url }) => ({ url })) },
      kv: { tokens: 4_096 },
      admission: { expectedRunTokens: 10_000, reserve: 0 },
    });
    const seen = new Set(firstCalls());
    const crowd = await Promise.all(Array.from({ length: 8 }, () => submit('crowd')));
    const other = await Promise.all(Array.from({ length: 3 }, () => submit('other')));
    const rollout = [await submit('third', 'rollout')];
    const person = [await submit('crowd', 'interactive')];
    const groups = { crowd, other, rollout, person };
    const groupOf = new Map(Object.entries(groups).flatMap(([name, runs]) => runs.map(({ run }) => [run.runId, name])));
    const model = await startPool(['model'], house.env);
    try {
      for (const run of Object.values(groups).flat()) await run.outcome();
      const order = firstCalls()
        .filter((run) => !seen.has(run))
        .map((run) => groupOf.get(run));
      expect(order).toHaveLength(13);
      expect(order[0]).toBe('person');
      expect(order.at(-1)).toBe('rollout');
      // Eight of one tenant were there first; the three of the other are served among the first six.
      expect(order.slice(1, 7).filter((name) => name === 'other')).toHaveLength(3);
      const requests = replicas
        .flatMap(({ requests: entries }) => entries())
        .filter(({ session }) => !seen.has(session ?? ''));
      const sessions = requests.toSorted((left, right) => (left.at < right.at ? -1 : 1)).map(({ session }) => session);
      const changes = sessions.filter((session, index) => session !== sessions[index - 1]).length;
      expect(changes).toBe(13);
    } finally {
      await model.stop();
    }
  });

  it('limits of the file: set at the engine, on both queues', async () => {
    const limits = { queuePerSecond: 50, tenantPerSecond: 20, weights: { acme: 2 } };
    await openWaitingHouse({ limits });
    const model = await startPool(['model'], house.env);
    try {
      for (const name of [`${house.queuePrefix}model`, toEntryQueue(house.queuePrefix)]) {
        const config = await waitFor(`the limits of ${name}`, async () => (await describeQueue(name)).config ?? null);
        expect(config.queueRateLimit?.rateLimit?.requestsPerSecond).toBe(50);
        expect(config.fairnessKeysRateLimitDefault?.rateLimit?.requestsPerSecond).toBe(20);
        expect(config.fairnessWeightOverrides).toEqual({ acme: 2 });
      }
    } finally {
      await model.stop();
    }
  });

  it('a run’s priority: handed on when it continues as new', async () => {
    const long = await startModelServer({ mode: createScriptedMind({ ...scenario, turns: 70, delayMs: 0 }) });
    try {
      await openWaitingHouse({ replicas: { static: [{ url: long.url }] } });
      const model = await startPool(['model'], house.env);
      const submitted = await submit('acme', 'rollout');
      expect(await submitted.outcome()).toMatchObject({ outcome: 'answered' });
      await model.stop();
      const { raw, runId } = await submitted.handle.describe();
      expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
      expect(raw.workflowExecutionInfo?.priority).toMatchObject({ priorityKey: 5, fairnessKey: 'acme' });
    } finally {
      await long.close();
    }
  });
});

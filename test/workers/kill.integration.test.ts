import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poolNames } from '../../domain/tools.ts';
import { startVersitygw } from '../../infra/dev/toolchain/versitygw-server.ts';
import { ensureVersitygw } from '../../infra/dev/toolchain/versitygw.ts';
import { type House, openHouse, openSurroundings, type Submitted, type Surroundings } from '../support/house.ts';
import { countRepeated, readRecords } from '../support/oracle.ts';
import { waitFor } from '../support/processes.ts';

const turns = 600;

/** Mostly the tools pool, since it is the quickest; now and then the web and the sandbox. */
function scenarioTools() {
  const echo = { server: 'test', tool: 'echo', arguments: { turn: '{seq}', note: 'a short observation' } };
  const search = { server: 'search_and_scrape_webpage', tool: 'google_search', arguments: { q: 'lighthouse {seq}' } };
  const create = { server: 'tool-python', tool: 'create_sandbox', arguments: {} };
  const command = {
    server: 'tool-python',
    tool: 'run_command',
    arguments: { command: 'echo {seq} >> log; wc -l < log', sandbox_id: '{sandbox}' },
  };
  const list = Array.from({ length: 40 }, (_, index) =>
    index % 8 === 3 ? search : index % 20 === 11 ? command : echo,
  );
  return [create, ...list];
}

let surroundings: Surroundings;
let undisturbed: { digest: string; steps: number };

beforeAll(async () => {
  surroundings = await openSurroundings({
    generate: 'loop',
    turns,
    tools: scenarioTools(),
    final: { text: 'Done.\n\\boxed{done}' },
  });
});

afterAll(async () => {
  await surroundings.close();
});

async function withHouse(
  storeEnv: NodeJS.ProcessEnv | undefined,
  body: (house: House) => Promise<void>,
): Promise<void> {
  const temporalAddress = inject('temporalAddress');
  const house = await openHouse({ temporalAddress, surroundings, ...(storeEnv === undefined ? {} : { storeEnv }) });
  try {
    await body(house);
  } finally {
    await house.close();
  }
}

const longRun = (house: House) =>
  house.submit('How many turns are there?', (profile) => ({
    ...profile,
    limits: { ...profile.limits, maxTurns: turns + 10, maxToolCalls: turns + 10 },
  }));

/** Kills the worker of each pool in turn, again and again, each time after some progress; gives the number of kills. */
async function killInTurn(house: House, { run, handle }: Submitted): Promise<number> {
  let kills = 0;
  const state = { ended: false };
  const onEnd = () => {
    state.ended = true;
  };
  void handle.result().then(onEnd, onEnd);
  for (let seq = 40; !state.ended && kills < 3 * poolNames.length; seq += 70) {
    await waitFor(
      `step ${seq}`,
      async () => {
        if (state.ended) return true;
        return (await house.storage.objects.head(
          `t/default/runs/${run.runId}/steps/${String(seq).padStart(8, '0')}`,
        )) === null
          ? null
          : true;
      },
      120_000,
    );
    if (state.ended) break;
    const pool = poolNames[kills % poolNames.length];
    if (pool === undefined) break;
    await house.processOf(pool).killWorker();
    kills += 1;
  }
  return kills;
}

async function chainLength(house: House, { run, handle }: Submitted): Promise<number> {
  const { firstExecutionRunId } = await handle
    .describe()
    .then((d) => ({ firstExecutionRunId: d.raw.workflowExecutionInfo?.firstRunId }));
  let length = 0;
  for (let runId = firstExecutionRunId; typeof runId === 'string' && runId !== ''; length += 1) {
    const { events } = await house.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
    runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? '';
  }
  expect(run.runId).toHaveLength(26);
  return length;
}

async function expectEqualRun(house: House): Promise<void> {
  const before = surroundings.model.requests().length;
  const submitted = await longRun(house);
  const kills = await killInTurn(house, submitted);
  const outcome = await submitted.outcome();
  const steps = await readRecords(house.storage.trajectory, submitted.run);
  const requests = surroundings.model.requests().slice(before);
  expect(kills).toBeGreaterThanOrEqual(2 * poolNames.length);
  expect(outcome).toMatchObject({ outcome: 'answered', answer: 'done', steps: undisturbed.steps });
  expect(outcome.trajectoryDigest).toBe(undisturbed.digest);
  expect(steps).toHaveLength(undisturbed.steps);
  expect(countRepeated(submitted.run, steps, requests)).toBe(0);
  expect(countRepeated(submitted.run, steps, surroundings.tools.requests())).toBe(0);
  expect(requests.length - steps.filter(({ record }) => record.kind === 'model').length).toBeLessThanOrEqual(kills);
}

describe('a run of 600 turns', () => {
  it('undisturbed: continues as new at least three times → answered', async () => {
    await withHouse(undefined, async (house) => {
      const submitted = await longRun(house);
      const outcome = await submitted.outcome();
      expect(outcome).toMatchObject({ outcome: 'answered', answer: 'done', steps: 2 * turns + 2 });
      expect(await chainLength(house, submitted)).toBeGreaterThanOrEqual(4);
      undisturbed = { digest: outcome.trajectoryDigest, steps: outcome.steps };
    });
  });

  it('SIGKILL of each pool in turn, store in a directory → the same trajectory, nothing repeated', async () => {
    await withHouse(undefined, expectEqualRun);
  });

  it('SIGKILL of each pool in turn, store in S3 → the same trajectory, nothing repeated', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'longhaul-s3-'));
    const tool = await ensureVersitygw({ env: process.env, report: () => {} });
    const gateway = await startVersitygw({ binary: tool.path, directory });
    try {
      const storeEnv = {
        LONGHAUL_STORE: `s3://${gateway.bucket}/longhaul`,
        LONGHAUL_S3_ENDPOINT: gateway.endpoint,
        AWS_ACCESS_KEY_ID: gateway.accessKey,
        AWS_SECRET_ACCESS_KEY: gateway.secretKey,
        AWS_REGION: 'us-east-1',
      };
      await withHouse(storeEnv, expectEqualRun);
    } finally {
      await gateway.stop();
      await rm(directory, { recursive: true, force: true });
    }
  });
});

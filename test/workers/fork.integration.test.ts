import { Worker } from '@temporalio/worker';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { keys } from '../../activities/storage/keys.ts';
import { toWorkflowId } from '../../domain/ids.ts';
import { poolNames } from '../../domain/tools.ts';
import { bundleWorkflows } from '../../workers/workflow-bundle.ts';
import { type Door, openDoor, refOf } from '../support/door.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { readRecords } from '../support/oracle.ts';
import { waitFor } from '../support/processes.ts';

let surroundings: Surroundings;
let house: House;
let door: Door;
/** A run of ten turns of two calls each, which has ended: steps 0 to 31. */
let ended: string;

const scenario: Parameters<typeof openSurroundings>[0] = {
  generate: 'loop',
  turns: 10,
  callsPerTurn: 2,
  tools: [
    { server: 'test', tool: 'echo', arguments: { turn: '{seq}' } },
    { server: 'test', tool: 'keyed', arguments: { turn: '{seq}' } },
  ],
  final: { text: 'Done.\n\\boxed{done}' },
};

const hasEnded = (run: { outcome: string | null }) => run.outcome !== null;

beforeAll(async () => {
  surroundings = await openSurroundings(scenario);
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames] });
  door = openDoor(house, { other: (profile) => ({ ...profile, retention: { keep: 2 } }) });
  ended = await door.submit({ input: 'Ten turns.', profile: 'agent' });
  await door.until(ended, 'the end', hasEnded);
});

afterAll(async () => {
  door?.close();
  await house?.close();
  await surroundings?.close();
});

const askedOf = (id: string) => {
  const session = refOf(id).runId;
  return surroundings.model.requests().filter((request) => request.session === session).length;
};

const fork = async (id: string, body: object): Promise<string> => (await door.verb(id, 'fork', body)).id;

const linesSchema = z.object({ n: z.int(), archived: z.boolean(), history: z.unknown() });

async function historiesOf(id: string): Promise<z.infer<typeof linesSchema>[]> {
  const response = await door.get(`/v1/research/${id}/histories`);
  const text = await response.text();
  return text
    .trim()
    .split('\n')
    .map((line) => linesSchema.parse(JSON.parse(line)));
}

/** Whether the archive has all of a run; it is written just after the run's last event. */
const archived = (id: string) =>
  waitFor(`the archive of ${id}`, async () => {
    const response = await door.get(`/v1/research/${id}/histories`);
    return (await response.text()).includes('"archived":true') ? true : null;
  });

/** What the engine's retention does, at once. */
async function forget(id: string): Promise<void> {
  const { workflowService, options } = house.client;
  const workflowExecution = { workflowId: toWorkflowId(refOf(id)) };
  await workflowService.deleteWorkflowExecution({ namespace: options.namespace, workflowExecution });
  await waitFor('the engine to forget', async () =>
    (await door.ports.engine.describe(refOf(id))) === null ? true : null,
  );
}

describe('a fork of a run that has ended', () => {
  it('at a turn, between two calls of one message, and at the answer: the rest alone is done, the digest is the same', async () => {
    const { trajectory_digest: digest } = await door.read(ended);
    const parent = await readRecords(house.storage.trajectory, refOf(ended));
    expect(parent).toHaveLength(32);
    for (const step of [0, 1, 12, 13, 14, 31]) {
      const id = await fork(ended, { from_step: step });
      const run = await door.until(id, 'its end', hasEnded);
      // A deterministic model given the same prefix does the same again.
      expect([step, run.outcome, run.trajectory_digest]).toEqual([step, 'answered', digest]);
      const own = await house.storage.objects.list(keys.steps(refOf(id)));
      expect(own).toHaveLength(32 - step);
      const asked = parent.slice(step).filter(({ record }) => record.kind === 'model').length;
      expect(askedOf(id)).toBe(asked);
      expect(run.usage.input_tokens).toBeLessThanOrEqual((await door.read(ended)).usage.input_tokens);
    }
  });

  it('steered: the model is told first, the parent is untouched', async () => {
    const before = await door.read(ended);
    const id = await fork(ended, { from_step: 15, by: 'ann', overrides: { message: 'Try the north.' } });
    const run = await door.until(id, 'its end', hasEnded);
    const message = await house.storage.trajectory.readStep({ ...refOf(id), seq: 15 });
    expect(message?.record).toMatchObject({ kind: 'message', hold: { by: 'ann' } });
    expect(run.trajectory_digest).not.toBe(before.trajectory_digest);
    const after = await door.read(ended);
    expect(after).toEqual({ ...before, forks: after.forks });
    expect(after.forks).toContain(id);
  });

  it('with another agent and budget: goes on as that one', async () => {
    const overrides = { profile: 'other', budget: { max_turns: 7 } };
    const id = await fork(ended, { from_step: 15, overrides });
    const run = await door.until(id, 'its end', hasEnded);
    expect(run).toMatchObject({ profile: 'other', limit_hit: 'max_turns', progress: { turn: 7 } });
  });

  it('lists the effects of the other run that it does not undo', async () => {
    const id = await fork(ended, { from_step: 25 });
    const effects = (await door.read(id)).parent?.effects_not_undone;
    expect(effects?.map(({ tool }) => tool)).toEqual(effects?.map(() => 'keyed'));
    expect(effects?.length).toBeGreaterThan(0);
    expect(effects?.every(({ step }) => step >= 25)).toBe(true);
    await door.until(id, 'its end', hasEnded);
  });

  it('of a fork of a fork, ten deep: the same digest, each asks only for its own steps', async () => {
    const { trajectory_digest: digest } = await door.read(ended);
    let id = ended;
    for (let depth = 1; depth <= 10; depth += 1) {
      id = await fork(id, { from_step: depth * 3 });
      expect((await door.until(id, 'its end', hasEnded)).trajectory_digest).toBe(digest);
    }
    // Step 30 is the reply that ends the work, 31 the answer.
    expect(askedOf(id)).toBe(2);
  });

  it('twenty at once: all end, each with its own steps', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, index) => fork(ended, { from_step: index + 10 })));
    const runs = await Promise.all(ids.map((id) => door.until(id, 'its end', hasEnded)));
    expect(new Set(runs.map((run) => run.trajectory_digest)).size).toBe(1);
    expect(new Set(ids).size).toBe(20);
  });
});

describe('retry of a step of a run that has ended', () => {
  it('is a fork at that step', async () => {
    const run = await door.verb(ended, 'steps/31/retry', { by: 'ann' });
    expect(run.parent).toMatchObject({ run: ended, step: 31, by: 'ann' });
    await door.until(run.id, 'its end', hasEnded);
    expect(askedOf(run.id)).toBe(1);
  });
});

describe('a run that the engine has forgotten', () => {
  it('shows, forks, tells its events and replays from the archive', async () => {
    const id = await door.submit({ input: 'To be forgotten.', profile: 'agent' });
    await door.until(id, 'the end', hasEnded);
    await archived(id);
    const events = async () => await (await door.get(`/v1/research/${id}/events?limit=1000`)).text();
    const before = { run: await door.read(id), events: await events(), histories: await historiesOf(id) };
    await forget(id);
    expect(await door.read(id)).toEqual(before.run);
    expect(await historiesOf(id)).toEqual(before.histories);
    expect(await events()).toBe(before.events);
    const child = await fork(id, { from_step: 30 });
    expect((await door.until(child, 'its end', hasEnded)).trajectory_digest).toBe(before.run.trajectory_digest);

    const code = await bundleWorkflows();
    const histories = before.histories.map(({ history }) => ({
      workflowId: toWorkflowId(refOf(id)),
      history: historyFromJSON(history),
    }));
    for await (const { error } of Worker.runReplayHistories({ workflowBundle: { code } }, histories))
      expect(error).toBeUndefined();
  });
});

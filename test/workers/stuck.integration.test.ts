import { afterEach, expect, inject, it } from 'vitest';
import { ulid } from 'ulid';
import type { RunView } from '../../api/runs/run-schemas.ts';
import { runListSchema } from '../../api/runs/run-schemas.ts';
import { startModelServer } from '../../infra/dev/model-server/server.ts';
import { createScriptedMind } from '../../infra/dev/model-server/scripted.ts';
import type { PoolName } from '../../domain/tools.ts';
import { type Door, openDoor } from '../support/door.ts';
import { type House, type HouseOptions, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { waitFor } from '../support/processes.ts';

let surroundings: Surroundings;
let house: House;
let door: Door;

const final = { text: 'Done.\n\\boxed{done}' };
const echo = { server: 'test', tool: 'echo', arguments: { text: 'a' } };

async function open(processes: readonly (readonly PoolName[])[], more: Partial<HouseOptions> = {}): Promise<void> {
  surroundings = await openSurroundings({ replies: [{ calls: [echo] }, { text: 'Enough.' }], final });
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes, ...more });
  door = openDoor(house);
}

afterEach(async () => {
  await door?.close();
  await house?.close();
  await surroundings?.close();
});

/** What the list says of a run. */
async function listed(id: string) {
  const { data } = runListSchema.parse(await (await door.get('/v1/research?limit=20')).json());
  return data.find((run) => run.id === id);
}

/** Waits until run and list give a reason that fits. */
async function expectReason(id: string, fits: (waiting: NonNullable<RunView['waitingFor']>) => boolean) {
  const run = await door.until(id, 'the reason', ({ waitingFor }) => waitingFor !== null && fits(waitingFor));
  await waitFor('the reason in the list', async () => {
    const told = (await listed(id))?.waiting_for ?? null;
    return told !== null && told !== '' ? told : null;
  });
  return run;
}

it('no worker of a pool: named with its queue, in the run and in the list', async () => {
  await open([['orchestrator']]);
  const id = await door.submit({ input: 'Is anybody there?', profile: 'agent' });
  const run = await expectReason(id, ({ reason }) => reason === 'no_worker');
  expect(run.waitingFor).toMatchObject({ pool: 'model', queue: expect.stringContaining(house.queuePrefix) });
  expect((await listed(id))?.waiting_for).toMatch(/no_worker|no worker/);
});

it('a model server that is away: why, and when it is asked again; it goes on when it is back', async () => {
  const mind = createScriptedMind({ replies: [{ text: 'Enough.' }], final });
  const server = await startModelServer({ mode: mind });
  const { port } = server;
  await server.close();
  await open([['orchestrator', 'model']], { env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` } });
  const id = await door.submit({ input: 'Is the model there?', profile: 'agent' });
  const run = await expectReason(id, ({ reason }) => reason === 'Model.Unavailable');
  expect(run.waitingFor?.message).toContain('cannot be reached');
  expect(Date.parse(run.waitUntil ?? '')).toBeGreaterThan(0);
  const back = await startModelServer({ mode: mind, port });
  expect(await door.until(id, 'the end', ({ outcome }) => outcome !== null)).toMatchObject({ outcome: 'answered' });
  await back.close();
});

it('paused by a person: who, in the run and in the list', async () => {
  await open([['orchestrator']]);
  const id = await door.submit({ input: 'Wait for me.', profile: 'agent' });
  await door.verb(id, { name: 'pause', key: ulid() }, { by: 'ann', reason: 'lunch' });
  const run = await expectReason(id, ({ reason }) => reason === 'paused');
  expect(run.waitingFor?.message).toContain('ann');
  expect((await listed(id))?.waiting_for).toContain('ann');
});

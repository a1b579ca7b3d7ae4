import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import proto from '@temporalio/proto';
import { ulid } from 'ulid';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';
import { createRandom } from '../support/random.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { countRepeated, readRecords } from '../support/oracle.ts';
import { waitFor } from '../support/processes.ts';
import { poolNames } from '../../domain/tools.ts';

const { EventType, ResetReapplyType } = {
  EventType: proto.temporal.api.enums.v1.EventType,
  ResetReapplyType: proto.temporal.api.enums.v1.ResetReapplyType,
};

type EventId = NonNullable<proto.temporal.api.history.v1.IHistoryEvent['eventId']>;

let surroundings: Surroundings;
let house: House;

const test = (tool: string, args: object = {}) => ({ server: 'test', tool, arguments: { ...args } });

beforeAll(async () => {
  surroundings = await openSurroundings({
    generate: 'loop',
    turns: 12,
    callsPerTurn: 2,
    tools: [
      test('echo', { turn: '{seq}' }),
      test('keyed', { turn: '{seq}' }),
      test('unkeyed', { turn: '{seq}', ms: 20 }),
    ],
    delayMs: 20,
    final: { text: 'Done.\n\\boxed{done}' },
  });
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames] });
});

afterAll(async () => {
  await house?.close();
  await surroundings?.close();
});

/** Points at which the engine can set an execution back. */
async function listPoints(workflowId: string): Promise<EventId[]> {
  const { events } = await house.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? [])
    .filter(({ eventType }) => eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
    .flatMap(({ eventId }) => eventId ?? []);
}

/** Sets a run back to an event, as an operator would with the engine's own command. */
async function reset(run: RunRef, eventId: EventId): Promise<string> {
  const { workflowService, options } = house.client;
  const { runId } = await workflowService.resetWorkflowExecution({
    namespace: options.namespace,
    workflowExecution: { workflowId: toWorkflowId(run) },
    reason: 'the test sets it back',
    workflowTaskFinishEventId: eventId,
    requestId: ulid(),
    resetReapplyType: ResetReapplyType.RESET_REAPPLY_TYPE_ALL_ELIGIBLE,
  });
  return runId;
}

const requestsOf = (run: RunRef) => surroundings.model.requests().filter(({ session }) => session === run.runId);

it('a run that has ended, set back at random events: every step is adopted, nothing is asked again', async () => {
  const submitted = await house.submit('Twelve turns.');
  const outcome = await submitted.outcome();
  const { run } = submitted;
  const workflowId = toWorkflowId(run);
  const steps = await readRecords(house.storage.trajectory, run);
  const [asked, effects] = [requestsOf(run).length, new Map(surroundings.tools.effects())];
  const random = createRandom(4);
  for (let round = 0; round < 6; round += 1) {
    const points = await listPoints(workflowId);
    const executionId = await reset(run, random.pick(points.slice(0, -1)));
    await house.client.workflow.getHandle(workflowId, executionId).result();
    expect(await readRecords(house.storage.trajectory, run)).toEqual(steps);
    expect(await house.storage.trajectory.readOutcome(run)).toEqual(outcome);
  }
  expect(requestsOf(run)).toHaveLength(asked);
  expect(surroundings.tools.effects()).toEqual(effects);
});

it('a run at work, set back again and again: recorded steps stand, no unkeyed call takes effect twice', async () => {
  const submitted = await house.submit('Twelve turns, again.');
  const { run, handle } = submitted;
  const workflowId = toWorkflowId(run);
  const random = createRandom(9);
  let resets = 0;
  for (let seq = 3; seq < 30; seq += 5) {
    await waitFor(`step ${seq}`, async () =>
      (await house.storage.trajectory.readStep({ ...run, seq })) === null ? null : true,
    );
    await reset(run, random.pick((await listPoints(workflowId)).slice(0, -1)));
    resets += 1;
  }
  const outcome = await waitFor('the outcome', () => house.storage.trajectory.readOutcome(run));
  await house.client.workflow.getHandle(handle.workflowId).result();
  const steps = await readRecords(house.storage.trajectory, run);
  expect(outcome).toMatchObject({ outcome: 'answered', steps: steps.length });
  expect(countRepeated(run, steps, [...requestsOf(run), ...surroundings.tools.requests()])).toBe(0);
  expect(requestsOf(run).length - steps.filter(({ record }) => record.kind === 'model').length).toBeLessThanOrEqual(
    resets,
  );
  expect(Math.max(...surroundings.tools.effects().values())).toBe(1);
});

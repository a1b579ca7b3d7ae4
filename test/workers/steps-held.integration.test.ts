import { afterEach, describe, expect, inject, it } from 'vitest';
import type { RecordedStep } from '../../activities/storage/trajectory-store.ts';
import { poolNames } from '../../domain/tools.ts';
import { type Door, openDoor, refOf } from '../support/door.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { readRecords } from '../support/oracle.ts';
import { waitFor } from '../support/processes.ts';

type Scenario = Parameters<typeof openSurroundings>[0];

let surroundings: Surroundings;
let house: House;
let door: Door;

const call = (tool: string, args: Record<string, unknown> = {}) => ({ server: 'test', tool, arguments: args });
const final = { text: 'Done.\n\\boxed{done}' };

/** A run that makes these calls in one message, then ends. */
async function open(calls: ReturnType<typeof call>[], more: Partial<Extract<Scenario, { replies: unknown }>> = {}) {
  surroundings = await openSurroundings({
    replies: [{ text: 'All at once.', calls }, { text: 'Enough.' }],
    final,
    ...more,
  });
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames] });
  door = openDoor(house, {
    careful: (profile) => ({ ...profile, approval: { effects: ['keyed', 'unkeyed'], tools: ['slow'] } }),
  });
}

afterEach(async () => {
  door?.close();
  await house?.close();
  await surroundings?.close();
});

const recordsOf = (id: string): Promise<RecordedStep[]> => readRecords(house.storage.trajectory, refOf(id));
const ended = (run: { outcome: string | null }) => run.outcome !== null;
const asking = (run: { status: string }) => run.status === 'requires_action';
const requestsOf = (tool: string) => surroundings.tools.requests().filter((request) => request.tool === tool);

describe('on_step_failure pause', () => {
  it('a call whose attempts ran out: retried, edited, skipped by people, each recorded', async () => {
    const broken = call('fail', { status: 503 });
    await open([broken, broken, broken, call('echo', { text: 'beside' })]);
    const id = await door.submit({ input: 'Break.', profile: 'agent', on_step_failure: 'pause' });
    const asked = await door.until(id, 'all three to ask', (run) => asking(run) && requestsOf('fail').length === 9);
    expect(asked.waitingFor).toMatchObject({
      reason: 'decision',
      message: expect.stringContaining('Tool.Unavailable'),
    });
    // The call beside them is recorded; theirs are open.
    expect(await house.storage.trajectory.readStep({ ...refOf(id), seq: 4 })).not.toBeNull();
    for (const seq of [1, 2, 3]) expect(await house.storage.trajectory.readStep({ ...refOf(id), seq })).toBeNull();

    for (const seq of [1, 2, 3]) {
      await waitFor(`step ${seq} to wait`, async () => {
        const { status, code } = await door.refused(id, `steps/${seq}/approve`);
        return status === 409 && code === 'wrong_action' ? true : null;
      });
    }
    expect(await door.refused(id, 'steps/4/retry')).toEqual({ status: 409, code: 'step_not_waiting' });
    await door.verb(id, 'steps/1/edit', { by: 'ann', reason: 'mend', arguments: { status: 400 } });
    await door.verb(id, 'steps/2/skip', { by: 'bob', reason: 'no use' });
    await door.verb(id, 'steps/3/retry', { by: 'ann' });
    // The retried one fails three times more, and asks again.
    await door.until(id, 'the third to ask again', (run) => asking(run) && requestsOf('fail').length === 13);
    await door.until(id, 'step 3 to wait', (run) => run.waitingFor?.message.includes('step 3') === true);
    await door.verb(id, 'steps/3/skip', { by: 'ann' });
    expect(await door.until(id, 'the end', ended)).toMatchObject({ outcome: 'answered' });
    const [, edited, skipped, last] = await recordsOf(id);
    expect(edited?.record).toMatchObject({
      hold: { action: 'edit', by: 'ann', why: 'mend' },
      failure: { type: 'Tool.Failed' },
    });
    expect(skipped?.record).toMatchObject({ hold: { action: 'skip', by: 'bob' }, failure: { type: 'Step.Skipped' } });
    expect(last?.record.failure?.type).toBe('Step.Skipped');
  });

  it('a model call that fails for good: asks, and goes on once it is retried', async () => {
    await open([call('echo')], { faults: [{ at: 0, fail: { status: 400, times: 1 } }] });
    const id = await door.submit({ input: 'Break.', profile: 'agent', on_step_failure: 'pause' });
    await door.until(id, 'the question', asking);
    expect(await door.refused(id, 'steps/0/skip')).toEqual({ status: 409, code: 'wrong_action' });
    await door.verb(id, 'steps/0/retry');
    expect(await door.until(id, 'the end', ended)).toMatchObject({ outcome: 'answered' });
  });

  it('cancelled while it asks: ends, every slot filled', async () => {
    await open([call('fail', { status: 503 })]);
    const id = await door.submit({ input: 'Break.', profile: 'agent', on_step_failure: 'pause' });
    await door.until(id, 'the question', asking);
    await door.verb(id, 'cancel');
    expect(await door.until(id, 'the end', ended)).toMatchObject({ outcome: 'cancelled', progress: { steps: 2 } });
    expect(await recordsOf(id)).toHaveLength(2);
  });

  it('finalized while it asks: the call is left out and the answer given', async () => {
    await open([call('fail', { status: 503 })]);
    const id = await door.submit({ input: 'Break.', profile: 'agent', on_step_failure: 'pause' });
    await door.until(id, 'the question', asking);
    await door.verb(id, 'finalize', { by: 'ann' });
    expect(await door.until(id, 'the end', ended)).toMatchObject({
      outcome: 'answered',
      limit_hit: 'finalize_requested',
    });
  });
});

describe('on_step_failure fail', () => {
  it('a call whose attempts ran out: the run fails with its failure', async () => {
    await open([call('fail', { status: 503 })]);
    const id = await door.submit({ input: 'Break.', profile: 'agent', on_step_failure: 'fail' });
    const run = await door.until(id, 'the end', ended);
    expect(run).toMatchObject({ outcome: 'failed', error: { type: 'Tool.Unavailable' } });
  });
});

describe('approval', () => {
  it('waits durably through the death of every worker; approved runs once, denied is an observation', async () => {
    await open([call('keyed', { n: 1 }), call('unkeyed', { n: 2 }), call('slow', { ms: 1 }), call('echo')]);
    const id = await door.submit({ input: 'May I?', profile: 'careful' });
    await door.until(id, 'the questions', (run) => asking(run) && requestsOf('echo').length === 1);
    const process = house.processOf('orchestrator');
    await process.killWorker();
    await process.workerPid();
    expect(surroundings.tools.effects().size).toBe(0);
    expect((await door.read(id)).waitingFor).toMatchObject({ reason: 'approval' });
    // The new worker may need a moment to read the run's history: 503 says to come again.
    await waitFor('an answer', async () => {
      const { code } = await door.refused(id, 'steps/1/retry');
      return code === 'wrong_action' ? true : null;
    });
    await door.verb(id, 'steps/1/approve', { by: 'ann', reason: 'fine' });
    await door.verb(id, 'steps/2/deny', { by: 'bob', reason: 'never' });
    await door.verb(id, 'steps/3/approve', { by: 'ann' });
    await door.until(id, 'the end', ended);
    const [, approved, denied] = await recordsOf(id);
    expect(approved?.record).toMatchObject({ status: 'ok', hold: { action: 'approve', by: 'ann', why: 'fine' } });
    expect(denied?.record).toMatchObject({ failure: { type: 'Step.Denied' }, hold: { action: 'deny', by: 'bob' } });
    expect(denied?.inline['observation']).toContain('denied by bob: never');
    expect([...surroundings.tools.effects().values()]).toEqual([1]);
  });
});

describe('a worker killed in the middle of a call with an effect', () => {
  it.each([
    { tool: 'keyed', status: 'ok', type: null, requests: 2 },
    { tool: 'unkeyed', status: 'failed', type: 'Tool.OutcomeUnknown', requests: 1 },
  ])('$tool: takes effect once; recorded $status', async ({ tool, status, type, requests }) => {
    await open([call(tool, { ms: 1_500 })]);
    const id = await door.submit({ input: 'Once.', profile: 'agent' });
    await waitFor('the effect', async () => (surroundings.tools.effects().size > 0 ? true : null));
    await house.processOf('tools').killWorker();
    const run = await door.until(id, 'the end', ended);
    const { record } = (await recordsOf(id))[1]!;
    expect([...surroundings.tools.effects().values()]).toEqual([1]);
    expect([record.status, record.failure?.type ?? null]).toEqual([status, type]);
    expect(requestsOf(tool)).toHaveLength(requests);
    expect(run.extra_attempts).toBeGreaterThanOrEqual(1);
  });
});

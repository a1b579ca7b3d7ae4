import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import type { RecordedStep } from '../../activities/storage/trajectory-store.ts';
import { poolNames } from '../../domain/tools.ts';
import { type Door, openDoor, refOf } from '../support/door.ts';
import { type House, openHouse, openSurroundings, type Surroundings } from '../support/house.ts';
import { readRecords } from '../support/oracle.ts';

const bodySchema = z.object({ messages: z.array(z.object({ role: z.string(), content: z.string() })) });

let surroundings: Surroundings;
let house: House;
let door: Door;

/** Echoes on every turn: a slow model leaves time to take hold; a message changes the mind. */
const scenario: Parameters<typeof openSurroundings>[0] = {
  generate: 'loop',
  turns: 400,
  delayMs: 250,
  tools: [{ server: 'test', tool: 'echo', arguments: { turn: '{seq}' } }],
  callsPerTurn: 2,
  final: { text: 'Done.\n\\boxed{done}' },
};

beforeAll(async () => {
  surroundings = await openSurroundings(scenario, { logBodies: true });
  house = await openHouse({ temporalAddress: inject('temporalAddress'), surroundings, processes: [poolNames] });
  door = openDoor(house, {
    short: (profile) => ({ ...profile, limits: { ...profile.limits, maxTurns: 3 } }),
    long: (profile) => ({ ...profile, limits: { ...profile.limits, maxTurns: 400, maxToolCalls: 900 } }),
  });
});

afterAll(async () => {
  door?.close();
  await house?.close();
  await surroundings?.close();
});

const recordsOf = (id: string): Promise<RecordedStep[]> => readRecords(house.storage.trajectory, refOf(id));

const begin = async (question: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> => {
  const id = await door.submit({ input: question, profile: 'agent', ...more });
  await door.until(id, 'a first turn', (run) => run.progress.turn >= 1);
  return id;
};

const paused = (run: { status: string }) => run.status === 'paused';
const ended = (run: { outcome: string | null }) => run.outcome !== null;

/** Pauses a run where a reply's calls have not begun: a pause that fell between two turns is taken back and tried again. */
async function pauseBeforeCalls(id: string) {
  for (;;) {
    await door.verb(id, 'pause', { by: 'ann', reason: 'to look' });
    const still = await door.until(id, 'the pause', paused);
    const steps = await recordsOf(id);
    if (steps.at(-1)?.record.kind === 'model') return { still, steps };
    await door.verb(id, 'resume');
  }
}

describe('a paused run', () => {
  it('stands still, its next calls can be edited and skipped, and goes on from there', async () => {
    const id = await begin('Pause me.');
    const { still, steps } = await pauseBeforeCalls(id);
    expect(still.waitingFor).toMatchObject({ reason: 'paused', message: 'paused by ann: to look' });
    expect(await door.refused(id, 'steps/0/skip')).toEqual({ status: 409, code: 'step_not_waiting' });
    const seq = steps.length;
    await door.verb(id, `steps/${seq}/edit`, { by: 'ann', reason: 'north', arguments: { text: 'edited' } });
    await door.verb(id, `steps/${seq + 1}/skip`, { by: 'bob', reason: 'no use' });
    expect(await recordsOf(id)).toHaveLength(seq);
    await door.verb(id, 'resume', { by: 'ann' });
    await door.until(id, 'the next turn', (run) => run.progress.steps > seq + 2);
    const [edited, skipped] = (await recordsOf(id)).slice(seq);
    expect(edited?.record).toMatchObject({ status: 'ok', hold: { action: 'edit', by: 'ann', why: 'north' } });
    expect(edited?.inline).toMatchObject({ arguments: '{"text":"edited"}', observation: '{"text":"edited"}' });
    expect(skipped?.record).toMatchObject({
      status: 'failed',
      requestDigest: null,
      failure: { type: 'Step.Skipped' },
      hold: { action: 'skip', by: 'bob', why: 'no use' },
    });
    expect(skipped?.inline['observation']).toContain('skipped by bob: no use');
    await door.verb(id, 'finalize');
    expect((await door.until(id, 'the end', ended)).outcome).toBe('answered');
  });

  it('does not ask the model while it stands, and its wall time stands still too', async () => {
    const id = await begin('Pause me long.', { budget: { max_wall_seconds: 30 } });
    await door.verb(id, 'pause');
    await door.until(id, 'the pause', paused);
    const { session, requests } = { session: refOf(id).runId, requests: surroundings.model.requests };
    const count = () => requests().filter((request) => request.session === session).length;
    const before = count();
    await door.until(
      id,
      'two looks',
      (() => {
        let looks = 0;
        return () => (looks += 1) > 20;
      })(),
    );
    expect(count()).toBe(before);
    await door.verb(id, 'finalize');
    expect(await door.until(id, 'the end', ended)).toMatchObject({
      outcome: 'answered',
      limit_hit: 'finalize_requested',
    });
  });

  it('the same key twice: one hold; resume of a run that goes on: no harm', async () => {
    const id = await begin('Pause me twice.');
    const pause = { name: 'pause', key: `k-${id}` };
    await door.verb(id, pause, { by: 'ann' });
    await door.until(id, 'the pause', paused);
    await door.verb(id, 'resume', { by: 'ann' });
    // A late repeat of the first request must not pause the run again.
    await door.verb(id, pause, { by: 'ann' });
    await door.until(id, 'going on', (run) => run.status === 'in_progress');
    await door.verb(id, 'resume');
    await door.verb(id, 'finalize');
    await door.until(id, 'the end', ended);
    const events = z
      .object({ data: z.array(z.object({ type: z.string() })) })
      .parse(await (await door.get(`/v1/research/${id}/events?limit=1000`)).json());
    expect(events.data.filter(({ type }) => type === 'run.paused')).toHaveLength(1);
  });
});

const isMessage = ({ record }: RecordedStep) => record.kind === 'message';

describe('a message', () => {
  it('is shown with the next turn, stands in the record, and in the exact prompt of every later step', async () => {
    const id = await begin('Steer me.');
    await door.verb(id, 'messages', { by: 'ann', reason: 'hint', text: 'Look at the north side.' });
    await door.until(id, 'two more turns', (run) => run.progress.turn >= 5);
    await door.verb(id, 'finalize');
    await door.until(id, 'the end', ended);
    const steps = await recordsOf(id);
    const message = steps.find(isMessage)!;
    expect(message.record).toMatchObject({ kind: 'message', hold: { action: 'steer', by: 'ann', why: 'hint' } });
    const next = steps.find(({ record }) => record.kind === 'model' && record.seq > message.record.seq)!.record.seq;
    const prompt = z
      .object({ messages: bodySchema.shape.messages })
      .parse(await (await door.get(`/v1/research/${id}/steps/${next}/prompt`)).json());
    expect(prompt.messages.at(-1)).toEqual({ role: 'user', content: 'Look at the north side.' });
    const session = refOf(id).runId;
    const sent = surroundings.model
      .requests()
      .filter((request) => request.session === session)
      .map(({ body }) => JSON.stringify(bodySchema.parse(body).messages));
    // Every prompt of the run is rendered again from the record, byte for byte.
    for (const step of steps.filter(({ record }) => record.model !== null)) {
      const shown = await (await door.get(`/v1/research/${id}/steps/${step.record.seq}/prompt`)).json();
      expect(sent).toContain(JSON.stringify(z.looseObject({ messages: z.unknown() }).parse(shown).messages));
    }
  });
});

describe('a budget', () => {
  it('on_exceed pause: waits, refuses to resume, goes on when it is raised, ends at the raised limit', async () => {
    const id = await door.submit({ input: 'Spend.', profile: 'agent', budget: { max_turns: 2, on_exceed: 'pause' } });
    const still = await door.until(id, 'the pause', paused);
    expect(still.waitingFor).toMatchObject({ reason: 'budget', message: 'budget: the limit max_turns is reached' });
    expect(await door.refused(id, 'resume')).toEqual({ status: 409, code: 'budget_reached' });
    expect(await door.refused(id, 'budget', { max_turns: 1 })).toEqual({ status: 409, code: 'lower' });
    expect((await door.verb(id, 'budget', { max_turns: 4, by: 'ann' })).budget?.max_turns).toBe(4);
    await door.until(id, 'the second pause', (run) => paused(run) && run.progress.turn === 4);
    await door.verb(id, 'finalize');
    const end = await door.until(id, 'the end', ended);
    expect(end).toMatchObject({ outcome: 'answered', progress: { turn: 4 }, budget: { max_turns: 4 } });
  });

  it('on_exceed fail: ends without an answer, and says which limit', async () => {
    const id = await door.submit({ input: 'Spend.', profile: 'agent', budget: { max_turns: 2, on_exceed: 'fail' } });
    const end = await door.until(id, 'the end', ended);
    expect(end).toMatchObject({ outcome: 'budget_exhausted', limit_hit: 'max_turns', answer: null });
  });

  it('above what the profile allows: refused', async () => {
    const id = await door.submit({ input: 'Spend.', profile: 'short' });
    expect((await door.refused(id, 'budget', { max_turns: 4 })).status).toBe(422);
    await door.until(id, 'the end', ended);
  });
});

describe('holds across a continue-as-new', () => {
  it('paused in a later execution, steered there: nothing is lost, events stay dense', async () => {
    const id = await begin('Long.', { profile: 'long', budget: { max_turns: 80, on_exceed: 'pause' } });
    const { workflow } = house.client;
    await door.until(id, 'the pause at 80 turns', paused);
    const description = await workflow.getHandle(`research/default/${refOf(id).runId}`).describe();
    expect(description.raw.workflowExecutionInfo?.firstRunId).not.toBe(description.runId);
    const messages = { name: 'messages', key: `late-${id}` };
    await door.verb(id, messages, { text: 'One more thing.' });
    await door.verb(id, messages, { text: 'One more thing.' });
    await door.verb(id, 'finalize');
    const end = await door.until(id, 'the end', ended);
    expect(end.outcome).toBe('answered');
    expect((await recordsOf(id)).filter(({ record }) => record.kind === 'message')).toHaveLength(1);
    const seqs: number[] = [];
    for (let after = -1; ; after = seqs.at(-1)!) {
      const page = z
        .object({ data: z.array(z.object({ seq: z.int() })), has_more: z.boolean() })
        .parse(
          await (
            await door.get(`/v1/research/${id}/events?limit=1000${after < 0 ? '' : `&after_seq=${after}`}`)
          ).json(),
        );
      seqs.push(...page.data.map(({ seq }) => seq));
      if (!page.has_more) break;
    }
    expect(seqs).toEqual(seqs.map((_, index) => index));
  });
});

import { encodeTime } from 'ulid';
import { describe, expect, it } from 'vitest';
import type { ListedRun } from '../../api/ports.ts';
import { runListSchema } from '../../api/runs/run-schemas.ts';
import { createFixture, nowMs } from './api-fixture.ts';

/** A run that was submitted at a time, with a number so that several share a millisecond. */
const aListed = (atMs: number, number: number, change: Partial<ListedRun> = {}): ListedRun => ({
  runId: `${encodeTime(atMs, 10)}${String(number).padStart(16, '0')}`,
  execution: 'completed',
  status: 'completed',
  outcome: 'answered',
  profile: 'mirothinker-v1.0',
  question: `question ${number}`,
  costMicroUsd: 2_500_000,
  waitingFor: null,
  startedAtMs: atMs,
  closedAtMs: atMs + 1,
  ...change,
});

/** Runs in an order that is not theirs, as the index gives them. */
const shuffled = (runs: readonly ListedRun[]) =>
  runs.toSorted((left, right) => (Number(left.question?.at(-1)) < Number(right.question?.at(-1)) ? -1 : 1));

function aFixture(runs: readonly ListedRun[]) {
  const fixture = createFixture();
  fixture.engine.listed.push(...shuffled(runs));
  const list = async (query = '') => runListSchema.parse(await (await fixture.get(`/v1/research${query}`)).json());
  const ids = runs.map((run) => `rsch_${run.runId}`).toSorted();
  return { ...fixture, list, ids };
}

const walk = async (
  list: (query: string) => Promise<{ data: { id: string }[]; last_id: string | null; has_more: boolean }>,
  query: string,
) => {
  const seen: string[] = [];
  for (let after = ''; ;) {
    const page = await list(`${query}${after}`);
    seen.push(...page.data.map(({ id }) => id));
    if (!page.has_more) return seen;
    after = `&after=${page.last_id}`;
  }
};

describe('list', () => {
  it('nothing: → an empty page', async () => {
    expect(await aFixture([]).list()).toEqual({
      object: 'list',
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
  });

  it('a row: → status, outcome, question, cost and times', async () => {
    const { list } = aFixture([aListed(nowMs, 1)]);
    expect((await list()).data[0]).toMatchObject({
      object: 'research',
      status: 'completed',
      outcome: 'answered',
      input: 'question 1',
      cost_usd: 2.5,
      created_at: '2026-11-24T10:00:00.000Z',
    });
  });

  it('pages: → newest first by default, both orders whole, 20 a page', async () => {
    const runs = Array.from({ length: 45 }, (_, index) => aListed(nowMs - 60_000 * index, index));
    const { list, ids } = aFixture(runs);
    const first = await list();
    expect(first.data).toHaveLength(20);
    expect(first).toMatchObject({ has_more: true, first_id: ids.at(-1), last_id: ids.at(-20) });
    expect(await walk(list, '?limit=7')).toEqual(ids.toReversed());
    expect(await walk(list, '?limit=7&order=asc')).toEqual(ids);
  });

  it('before: → the page that ends there, in the asked order', async () => {
    const runs = Array.from({ length: 9 }, (_, index) => aListed(nowMs - 60_000 * index, index));
    const { list, ids } = aFixture(runs);
    const newest = ids.toReversed();
    const page = await list(`?limit=3&before=${newest[6]}`);
    expect(page.data.map(({ id }) => id)).toEqual(newest.slice(3, 6));
    expect(page.has_more).toBe(true);
    const all = await list(`?limit=100&after=${newest[1]}&before=${newest[6]}`);
    expect(all.data.map(({ id }) => id)).toEqual(newest.slice(2, 6));
  });

  it('runs that arrive between two pages: → neither repeated nor missed', async () => {
    const runs = Array.from({ length: 6 }, (_, index) => aListed(nowMs - 60_000 * index, index));
    const { list, ids, engine } = aFixture(runs);
    const first = await list('?limit=3');
    engine.listed.push(aListed(nowMs + 1_000, 9));
    const second = await list(`?limit=3&after=${first.last_id}`);
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids.toReversed());
  });

  it('more runs than the index gives at once: → sorted over all of them, from either end', async () => {
    const spread = Array.from({ length: 2_600 }, (_, index) => aListed(nowMs - index * 37_000, index));
    const burst = Array.from({ length: 300 }, (_, index) => aListed(nowMs - 400_000, 10_000 + index));
    const { list, ids } = aFixture([...spread, ...burst]);
    expect(await walk(list, '?limit=100')).toEqual(ids.toReversed());
    expect(await walk(list, '?limit=100&order=asc')).toEqual(ids);
  });

  it('runs at the very edges between parts: → none is missed or repeated', async () => {
    // The lowest id of its millisecond each, in every millisecond.
    const runs = Array.from({ length: 1_700 }, (_, index) =>
      aListed(nowMs - index, 0, { question: `question ${index}` }),
    );
    const { list, ids } = aFixture(runs);
    expect(await walk(list, '?limit=100')).toEqual(ids.toReversed());
    expect(await walk(list, '?limit=100&order=asc')).toEqual(ids);
  });

  it('a few runs before a burst: → the edge between the parts loses none', async () => {
    const few = Array.from({ length: 60 }, (_, index) => aListed(nowMs + index, 0));
    const burst = Array.from({ length: 1_800 }, (_, index) => aListed(nowMs + 60 + (index % 3), 1 + index));
    const { list, ids } = aFixture([...few, ...burst]);
    const before = `rsch_${aListed(nowMs - 1, 0).runId}`;
    const page = await list(`?limit=100&order=asc&after=${before}`);
    expect(page.data.map(({ id }) => id)).toEqual(ids.slice(0, 100));
  });

  it('status: → only those; a run that the engine cut off is failed', async () => {
    const { list, engine } = aFixture([aListed(nowMs, 1), aListed(nowMs, 2, { status: 'failed', outcome: 'failed' })]);
    const failed = await list('?status=failed');
    expect(failed.data.map(({ status }) => status)).toEqual(['failed']);
    engine.listed.splice(0, 2, aListed(nowMs, 3, { status: 'in_progress', execution: 'terminated', outcome: null }));
    expect((await list()).data[0]?.status).toBe('failed');
  });

  it('the engine away: → 503', async () => {
    const { get, engine } = aFixture([]);
    engine.isAway = true;
    expect((await get('/v1/research')).status).toBe(503);
  });
});

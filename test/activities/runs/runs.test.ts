import { describe, expect, it } from 'vitest';
import { createRunActivities } from '../../../activities/runs/activities.ts';
import type { RunPorts } from '../../../activities/runs/ports.ts';
import type { CloseStepInput, FinishRunInput } from '../../../activities/runs/contract.ts';
import { nothingSpent } from '../../../domain/budget.ts';
import { runFactsSchema } from '../../../domain/carry.ts';
import { digestManifest } from '../../../domain/manifest.ts';
import { extendHead, trajectoryRoot } from '../../../domain/record.ts';
import { maxCallsPerMessage, type ToolCall } from '../../../domain/tools.ts';
import { toModelReceipt } from '../../../activities/steps/receipts.ts';
import { anAttempt } from '../../support/activity.ts';
import { aDigest, aManifest, aProfile, aRunId, someLimits } from '../../support/facts.ts';
import { echoCall, type RecordedTurn, recordRun } from '../../support/recorded-run.ts';
import { aDraft, aHolder, aStillClock, openMemoryStorage, putRecord } from '../../support/store.ts';

const run = { tenant: 'default', runId: aRunId };

/** The ports of the activities over a store; `archived` has the runs that were handed over. */
function aRunHouse(storage: ReturnType<typeof openMemoryStorage>, archived: string[] = []): RunPorts {
  const clock = { ...aStillClock(), now: () => 7_000 };
  return { ...storage, clock, holder: aHolder(), startArchive: async ({ runId }) => void archived.push(runId) };
}

async function open(turns: readonly RecordedTurn[] = []) {
  const storage = openMemoryStorage();
  const recorded = await recordRun(storage.trajectory, aManifest(), turns);
  return { ...storage, ...recorded, activities: createRunActivities(aRunHouse(storage)) };
}

describe('opening a run', () => {
  it('its manifest: the facts that the workflow decides with', async () => {
    const { activities } = await open();
    const opened = await anAttempt().run(() =>
      activities.openRun({ ...run, manifestDigest: digestManifest(aManifest()) }),
    );
    expect(runFactsSchema.parse(opened.facts)).toMatchObject({
      keep: 5,
      maxTokens: 16_384,
      readerTools: ['scrape_and_extract_info'],
    });
    expect(opened.facts.baseTokens).toBeGreaterThan(300);
    expect(opened.parent).toBeNull();
  });

  it('a run without a tool that reads pages: no reserve for it', async () => {
    const storage = openMemoryStorage();
    const manifest = aManifest({ profile: aProfile({ tools: ['echo'] }) });
    const manifestDigest = await storage.trajectory.putManifest(manifest);
    const { openRun } = createRunActivities(aRunHouse(storage));
    expect((await anAttempt().run(() => openRun({ ...run, manifestDigest }))).facts.readerReserve).toBeNull();
  });

  it.each([
    ['another manifest than it was started with', aDigest, run],
    ['no manifest', aDigest, { ...run, tenant: 'other' }],
  ])('%s: Input.NoManifest, final', async (_, manifestDigest, of) => {
    const { activities } = await open();
    expect(await anAttempt().failure(() => activities.openRun({ ...of, manifestDigest }))).toMatchObject({
      type: 'Input.NoManifest',
      nonRetryable: true,
    });
  });
});

describe('closing a slot', () => {
  const failure = { type: 'Tool.Unavailable', message: 'nobody answered' };
  const closeTool = (callIndex = 0): CloseStepInput => ({
    ...run,
    seq: 1,
    turn: 1,
    kind: 'tool',
    call: { tool: 'echo', modelSeq: 0, callIndex, modelRecord: aDigest },
    failure,
  });

  it('of a tool: the failure is the observation; a second time the same record', async () => {
    const { activities, trajectory } = await open([{ reply: 'r', calls: [echoCall()] }]);
    const closed = await anAttempt().run(() => activities.closeStep(closeTool()));
    expect(closed.tool).toMatchObject({
      status: 'failed',
      preview: expect.stringContaining('Tool call to echo on test failed'),
    });
    const step = (await trajectory.readStep({ ...run, seq: 1 }))!;
    expect(step.record).toMatchObject({ requestDigest: null, status: 'failed', failure, startedAtMs: 7_000 });
    expect(await anAttempt().run(() => activities.closeStep(closeTool()))).toEqual(closed);
  });

  it('a late success that won: adopted', async () => {
    const { activities } = await open([{ reply: 'r', observations: ['the result'] }]);
    const closed = await anAttempt().run(() => activities.closeStep(closeTool()));
    expect(closed.tool).toMatchObject({ status: 'ok', preview: 'the result' });
  });

  it('of a model call: a failure without text; a late success is adopted as its receipt', async () => {
    const input: CloseStepInput = { ...run, seq: 0, turn: 1, kind: 'model', call: null, failure };
    const empty = await open();
    expect(await anAttempt().run(() => empty.activities.closeStep(input))).toMatchObject({ model: null, tool: null });
    const late = await open([{ reply: 'late', observations: [] }]);
    expect((await anAttempt().run(() => late.activities.closeStep(input))).model).toMatchObject({ preview: 'late' });
  });

  it.each<[string, ToolCall, string]>([
    ['an unknown tool', { ...echoCall(), tool: 'telescope' }, 'there is no tool telescope on server test'],
    ['a tool on another server', { ...echoCall(), server: 'elsewhere' }, 'there is no tool echo on server elsewhere'],
    [
      'unreadable arguments',
      { ...echoCall('{'), argumentsError: 'the arguments are not valid JSON (x)' },
      'not valid JSON',
    ],
    ['a name with half a character', { ...echoCall(), tool: 'tele\ud83d' }, 'there is no tool'],
  ])('of a refused call, %s: the reason is told to the model', async (_, call, reason) => {
    const { activities, trajectory } = await open([{ reply: 'r', calls: [call] }]);
    await anAttempt().run(() => activities.closeStep(closeTool()));
    const step = (await trajectory.readStep({ ...run, seq: 1 }))!;
    expect(await trajectory.readText('default', step, 'observation')).toContain(reason);
  });

  it('of a call too many: told how many a message may have', async () => {
    const calls = Array.from({ length: 40 }, () => echoCall());
    const { activities, trajectory } = await open([{ reply: 'r', calls }]);
    await anAttempt().run(() => activities.closeStep(closeTool(maxCallsPerMessage)));
    const step = (await trajectory.readStep({ ...run, seq: 1 }))!;
    expect(await trajectory.readText('default', step, 'observation')).toContain(
      'number 17 and all after it were not executed',
    );
  });

  it('of a call that no record has: Storage.Missing', async () => {
    const { activities } = await open([{ reply: 'r', calls: [echoCall()] }]);
    expect(await anAttempt().failure(() => activities.closeStep(closeTool(5)))).toMatchObject({
      type: 'Storage.Missing',
    });
  });
});

const receiptOf = async (turn: RecordedTurn) => {
  const { trajectory } = await open([turn]);
  return toModelReceipt(trajectory, aManifest(), (await trajectory.readStep({ ...run, seq: 0 }))!);
};

describe('a model receipt', () => {
  it('of a reply with hundreds of calls: 17 at most, under 2 KB', async () => {
    const unknown = { ...echoCall(), tool: 'x'.repeat(500) };
    const receipt = await receiptOf({ reply: '😀'.repeat(5_000), calls: Array.from({ length: 500 }, () => unknown) });
    expect(receipt.calls).toHaveLength(maxCallsPerMessage + 1);
    expect(receipt.calls.every((call) => call.pool === null)).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(receipt))).toBeLessThanOrEqual(2_048);
  });

  it('of an ordinary reply: under 400 bytes', async () => {
    const receipt = await receiptOf({
      reply: 'Let me look for that in the archive of the harbour office first.',
      calls: [echoCall()],
    });
    expect(receipt.calls).toEqual([{ tool: 'echo', pool: 'tools', callIndex: 0 }]);
    expect(Buffer.byteLength(JSON.stringify(receipt))).toBeLessThanOrEqual(400);
  });
});

const input = (change: Partial<FinishRunInput>): FinishRunInput => ({
  ...run,
  manifestDigest: aDigest,
  head: aDigest,
  steps: 0,
  end: { outcome: 'answered', stopReason: 'answered', limitHit: null, failure: null },
  spent: nothingSpent(null),
  limits: someLimits(),
  startedAtMs: 0,
  endedAtMs: 9_000,
  ...change,
});

describe('finishing a run', () => {
  it('answered: the boxed answer, the report and each page once', async () => {
    const { activities, trajectory, head, steps } = await open([{ reply: 'r', observations: ['o'] }]);
    const source = { url: 'http://a/', title: 'A' };
    const tool = { server: 's', tool: 'scrape', modelSeq: 0, callIndex: 0, source, sandbox: null };
    let last = head;
    for (const seq of [steps, steps + 1]) {
      const put = await putRecord(
        trajectory,
        { ...run, seq },
        { ...aDraft('', { seq, kind: 'tool', model: null, tool }), contents: { observation: 'p' } },
      );
      last = extendHead(last, put.digest);
    }
    const model = { purpose: 'final' as const, firstLive: 0, promptDigest: aDigest, stop: 'end' as const };
    const facts = { ...model, model: 'm', head: last };
    const final = await putRecord(
      trajectory,
      { ...run, seq: steps + 2 },
      aDraft('It is \\boxed{5}', { seq: steps + 2, model: facts }),
    );
    last = extendHead(last, final.digest);
    const finished = await anAttempt().run(() => activities.finishRun(input({ head: last, steps: steps + 3 })));
    const outcome = await trajectory.readOutcome(run);
    expect(outcome).toMatchObject({ answer: '5', report: 'It is \\boxed{5}', sources: [source], steps: steps + 3 });
    expect(finished).toMatchObject({ outcome: 'answered', preview: '5', trajectoryDigest: outcome?.trajectoryDigest });
    expect(
      await anAttempt().run(() => activities.finishRun(input({ head: last, steps: steps + 3, endedAtMs: 10_000 }))),
    ).toEqual(finished);
  });

  it('answered, but the records do not match the chain: no outcome is written', async () => {
    const { activities, trajectory } = await open();
    expect(await anAttempt().failure(() => activities.finishRun(input({})))).toMatchObject({
      type: 'Ledger.HeadMismatch',
      nonRetryable: true,
    });
    expect(await trajectory.readOutcome(run)).toBeNull();
  });

  it.each(['failed', 'cancelled'] as const)(
    '%s, and the records cannot be read: an outcome all the same, without a chain',
    async (outcome) => {
      const { activities, trajectory } = await open();
      const failure = { type: 'Storage.Corrupt', message: 'no' };
      const end = {
        outcome,
        stopReason: outcome === 'failed' ? 'error' : 'cancelled',
        limitHit: null,
        failure,
      } as const;
      await anAttempt().run(() => activities.finishRun(input({ end })));
      expect(await trajectory.readOutcome(run)).toMatchObject({
        outcome,
        answer: null,
        trajectoryDigest: trajectoryRoot,
      });
    },
  );
});

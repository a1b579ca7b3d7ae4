import { describe, expect, it } from 'vitest';
import { createToolActivities, type ToolHandler } from '../../../activities/steps/tool-step.ts';
import { parseArguments } from '../../../activities/steps/tool-arguments.ts';
import { AppError, type FailureType } from '../../../domain/errors.ts';
import { toStepKey } from '../../../domain/record.ts';
import { runCommandSchema } from '../../../domain/tool-catalog.ts';
import type { ToolCall } from '../../../domain/tools.ts';
import { anAttempt } from '../../support/activity.ts';
import { aDigest, aManifest, aProfile, aRunId } from '../../support/facts.ts';
import { echoCall, recordRun } from '../../support/recorded-run.ts';
import { aHolder, aStillClock, openMemoryStorage } from '../../support/store.ts';

const run = { tenant: 'default', runId: aRunId };
const slot = { ...run, seq: 1 };

/** A run whose first reply asks for `call`, and the activity of its slot. */
async function openStep(handler: ToolHandler | undefined, call: ToolCall = echoCall()) {
  const storage = openMemoryStorage();
  const prices = {
    inputMicroUsdPerMillion: 1_000_000,
    cachedMicroUsdPerMillion: 0,
    outputMicroUsdPerMillion: 1_000_000,
  };
  await recordRun(storage.trajectory, aManifest({ profile: aProfile({ prices }) }), [{ reply: 'r', calls: [call] }]);
  const modelRecord = (await storage.trajectory.readStep({ ...run, seq: 0 }))!.digest;
  const handlers = handler === undefined ? {} : { echo: handler };
  const { callTool } = createToolActivities({ ...storage, clock: aStillClock(), holder: aHolder(), handlers });
  const input = { ...slot, turn: 1, tool: 'echo', modelSeq: 0, callIndex: 0, modelRecord };
  const observation = async () => {
    const step = await storage.trajectory.readStep(slot);
    return step === null ? null : await storage.trajectory.readText('default', step, 'observation');
  };
  return { ...storage, input, callTool, observation };
}

const failing =
  (type: FailureType): ToolHandler =>
  () =>
    Promise.reject(new AppError(type, { what: 'it broke' }));

describe('a tool step', () => {
  it('its tool answers: recorded with source, cost and contents; the handler is told its step key', async () => {
    const seen: unknown[] = [];
    const step = await openStep(async (args, { stepKey, seq }) => {
      seen.push({ args, stepKey, seq });
      const usage = { inputTokens: 100, outputTokens: 10, cachedTokens: 0 };
      return { text: 'an answer', usage, source: { url: 'http://a/', title: null }, contents: { page: 'the page' } };
    });
    const receipt = await anAttempt().run(() => step.callTool(step.input));
    expect(receipt).toMatchObject({ status: 'ok', preview: 'an answer', costMicroUsd: 110, contentTokens: 3 });
    const recorded = (await step.trajectory.readStep(slot))!;
    expect(recorded.record).toMatchObject({
      kind: 'tool',
      status: 'ok',
      tool: { tool: 'echo', source: { url: 'http://a/' } },
    });
    expect(await step.trajectory.readText('default', recorded, 'page')).toBe('the page');
    expect(seen).toEqual([
      { args: { text: 'hi' }, stepKey: toStepKey(slot, 'tool', recorded.record.requestDigest!), seq: 1 },
    ]);
  });

  it('asked twice: the handler runs once, both get the same receipt', async () => {
    let calls = 0;
    const step = await openStep(async () => ({ text: String((calls += 1)) }));
    const first = await anAttempt().run(() => step.callTool(step.input));
    expect(await anAttempt({ attempt: 2 }).run(() => step.callTool(step.input))).toEqual(first);
    expect(calls).toBe(1);
  });

  it.each<[FailureType, number]>([
    ['Tool.Failed', 0],
    ['Tool.BadArguments', 0],
    ['Tool.Timeout', 0],
    ['Tool.Blocked', 0],
    ['Sandbox.Unsafe', 0],
    ['Model.Refused', 0],
    ['Tool.Unavailable', 2],
    ['Internal.Bug', 2],
  ])('%s after %i faults: an observation that says so, not a crash', async (type, faults) => {
    const step = await openStep(failing(type));
    const attempt = anAttempt({ heartbeatDetails: { faults } });
    expect(await attempt.run(() => step.callTool(step.input))).toMatchObject({ status: 'failed', costMicroUsd: 0 });
    expect(await step.observation()).toMatch(/^Tool call to echo on test failed\. Error: .*it broke/u);
    expect((await step.trajectory.readStep(slot))?.record.failure?.type).toBe(type);
  });

  it.each<FailureType>([
    'Tool.Unavailable',
    'Tool.RateLimited',
    'Sandbox.Unavailable',
    'Storage.Unavailable',
    'Model.RateLimited',
  ])('%s at first: tried again, the slot stays empty', async (type) => {
    const step = await openStep(failing(type));
    expect(await anAttempt().failure(() => step.callTool(step.input))).toMatchObject({ type, nonRetryable: false });
    expect(await step.observation()).toBeNull();
  });

  it('a broken store inside a tool: never an observation', async () => {
    const step = await openStep(failing('Storage.Corrupt'));
    expect(await anAttempt().failure(() => step.callTool(step.input))).toMatchObject({
      type: 'Storage.Corrupt',
      nonRetryable: true,
    });
    expect(await step.observation()).toBeNull();
  });

  it('cancelled in the middle: no record', async () => {
    const attempt = anAttempt();
    const step = await openStep((_args, { signal }) => {
      attempt.cancel();
      return Promise.reject(signal.reason);
    });
    await expect(attempt.run(() => step.callTool(step.input))).rejects.toThrow('cancelled');
    expect(await step.observation()).toBeNull();
  });

  it('a tool that this pool does not serve: an observation', async () => {
    const step = await openStep(undefined);
    await anAttempt().run(() => step.callTool(step.input));
    expect(await step.observation()).toContain('not served by this pool');
  });

  it('arguments with half a character: the tool is called all the same', async () => {
    const step = await openStep(async (args) => ({ text: JSON.stringify(args) }), echoCall({ text: 'x\ud83d' }));
    expect(await anAttempt().run(() => step.callTool(step.input))).toMatchObject({ status: 'ok' });
  });

  it('the model’s record is another one than the workflow saw: refused, nothing is run', async () => {
    let calls = 0;
    const step = await openStep(async () => ({ text: String((calls += 1)) }));
    const asked = () => step.callTool({ ...step.input, modelRecord: aDigest });
    expect(await anAttempt().failure(asked)).toMatchObject({ type: 'Storage.Corrupt' });
    expect(calls).toBe(0);
  });

  it('a call that the message does not have: refused by name', async () => {
    const step = await openStep(async () => ({ text: '' }));
    const asked = () => step.callTool({ ...step.input, callIndex: 7 });
    expect(await anAttempt().failure(asked)).toMatchObject({
      type: 'Tool.Unknown',
      message: expect.stringContaining('call 7 of step 0'),
    });
  });
});

describe('a tool’s arguments', () => {
  it('as its schema says: parsed', () => {
    expect(parseArguments('run_command', runCommandSchema, { command: 'ls', sandbox_id: 's' })).toEqual({
      command: 'ls',
      sandbox_id: 's',
    });
  });

  it.each([
    ['a missing field', { command: 'ls' }, 'sandbox_id: '],
    ['a field of another type', { command: 5, sandbox_id: 's' }, 'command: '],
    ['an empty field', { command: '', sandbox_id: 's' }, 'command: '],
    ['no object', 'ls', 'arguments: '],
    ['null', null, 'arguments: '],
  ])('%s: Tool.BadArguments, naming tool, field and rule', (_, args, named) => {
    expect(() => parseArguments('run_command', runCommandSchema, args)).toThrow(
      expect.objectContaining({ type: 'Tool.BadArguments', message: expect.stringContaining(`run_command: ${named}`) }),
    );
  });
});

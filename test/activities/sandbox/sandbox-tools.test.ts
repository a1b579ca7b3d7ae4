import { describe, expect, it } from 'vitest';
import { createSandboxTools } from '../../../activities/sandbox/activities.ts';
import type { SandboxJob, SandboxPort, SandboxRef } from '../../../activities/sandbox/ports.ts';
import type { ToolHandler } from '../../../activities/steps/tool-step.ts';
import { AppError } from '../../../domain/errors.ts';
import type { StepRecord } from '../../../domain/record.ts';
import type { ToolCall } from '../../../domain/tools.ts';
import { aDigest, aModelRecord } from '../../support/facts.ts';
import { aToolContext } from '../../support/tool-context.ts';

/** A declared fake of the port: remembers its jobs, and each gives the next digest. */
function aFakeSandbox() {
  const jobs: { ref: SandboxRef; job: SandboxJob }[] = [];
  const port: SandboxPort = {
    run: async (ref, job) => {
      jobs.push({ ref, job });
      return { exitCode: 0, stdout: 'out', stderr: '', timedOut: false, treeDigest: `tree ${jobs.length}` };
    },
    destroy: async () => undefined,
    listRuns: async () => [],
    sweep: async () => undefined,
  };
  return { jobs, tools: createSandboxTools(port) };
}

const call = (tool: string, args: unknown): ToolCall => ({
  server: 'tool-python',
  tool,
  arguments: args,
  argumentsError: null,
});

const recordOf = (seq: number, sandbox: { id: string; treeDigest: string | null } | null): StepRecord =>
  aModelRecord({
    seq,
    kind: 'tool',
    model: null,
    tool: { server: 's', tool: 't', modelSeq: 0, callIndex: 0, source: null, sandbox },
  });

/** A run as its records have it; the reads are counted. */
function aRunOf(records: (StepRecord | null)[]) {
  const reads: number[] = [];
  return {
    records,
    reads,
    recordOf: async (seq: number) => {
      reads.push(seq);
      return records[seq] ?? null;
    },
  };
}

type Around = Partial<ReturnType<typeof aToolContext>['around']>;

const contextAt = (seq: number, around: Around) => {
  const context = aToolContext({ seq });
  return { ...context, around: { ...context.around, modelSeq: seq - 1, ...around } };
};

const runTool = (handler: ToolHandler | undefined, args: unknown, context: ReturnType<typeof aToolContext>) => {
  if (handler === undefined) throw new Error('no such tool');
  return handler(args, context);
};

describe('create_sandbox', () => {
  it('named by its slot, without files, the same at every attempt', async () => {
    const { tools } = aFakeSandbox();
    const made = await runTool(tools['create_sandbox'], {}, contextAt(12, {}));
    expect(made).toEqual({
      text: 'Sandbox created with sandbox_id: sbx_0012',
      sandbox: { id: 'sbx_0012', treeDigest: null },
    });
    expect(await runTool(tools['create_sandbox'], {}, contextAt(12, {}))).toEqual(made);
  });
});

describe('a job', () => {
  it('begins with the files that the newest record has, and says what it left', async () => {
    const { jobs, tools } = aFakeSandbox();
    const run = aRunOf([aModelRecord(), recordOf(1, { id: 's', treeDigest: null }), aModelRecord({ seq: 2 })]);
    const first = await runTool(tools['run_command'], { command: 'ls', sandbox_id: 's' }, contextAt(3, run));
    expect(first.sandbox).toEqual({ id: 's', treeDigest: 'tree 1' });
    run.records.push(recordOf(3, { id: 's', treeDigest: aDigest }), recordOf(4, null), aModelRecord({ seq: 5 }));
    run.reads.length = 0;
    await runTool(tools['run_python_code'], { code_block: '1', sandbox_id: 's' }, contextAt(6, run));
    expect(jobs.map(({ job }) => job)).toMatchObject([
      { kind: 'shell', source: 'ls', before: null, timeoutMs: 60_000 },
      { kind: 'python', source: '1', before: aDigest, timeoutMs: 300_000 },
    ]);
    // Records never change: those that were read for the first step are not read for the second.
    expect(run.reads).toEqual([2, 3, 4]);
    const retried = await runTool(tools['run_command'], { command: 'ls', sandbox_id: 's' }, contextAt(3, run));
    expect(retried.sandbox).toEqual({ id: 's', treeDigest: 'tree 3' });
    expect(jobs.at(-1)?.job.before).toBeNull();
  });

  it('in a sandbox that no record made: Tool.BadArguments, nothing runs', async () => {
    const { jobs, tools } = aFakeSandbox();
    const run = aRunOf([aModelRecord(), recordOf(1, { id: 's', treeDigest: null }), aModelRecord({ seq: 2 })]);
    for (const sandbox_id of ['other', '../s', '']) {
      const refused = runTool(tools['run_command'], { command: 'ls', sandbox_id }, contextAt(3, run));
      await expect(refused).rejects.toMatchObject({ type: 'Tool.BadArguments' });
    }
    expect(jobs).toEqual([]);
  });

  it('a record that is gone: Storage.Missing, never a guess', async () => {
    const { tools } = aFakeSandbox();
    const run = aRunOf([aModelRecord(), null, aModelRecord({ seq: 2 })]);
    const refused = runTool(tools['run_command'], { command: 'ls', sandbox_id: 's' }, contextAt(3, run));
    await expect(refused).rejects.toMatchObject({ type: 'Storage.Missing' });
  });
});

describe('calls of one message', () => {
  const earlierCalls = [
    call('create_sandbox', {}),
    call('google_search', { q: 'x' }),
    call('run_command', { command: 'echo 1', sandbox_id: 'sbx_0001' }),
  ];
  const around = { modelSeq: 0, callIndex: 3, earlierCalls };

  it('begin with what the ones before them left, whichever is started first', async () => {
    const { jobs, tools } = aFakeSandbox();
    const run = aRunOf([aModelRecord()]);
    const running = runTool(
      tools['run_command'],
      { command: 'echo 2', sandbox_id: 'sbx_0001' },
      contextAt(4, { ...around, recordOf: run.recordOf }),
    );
    run.records[1] = recordOf(1, { id: 'sbx_0001', treeDigest: null });
    run.records[3] = recordOf(3, { id: 'sbx_0001', treeDigest: aDigest });
    await running;
    expect(jobs.map(({ job }) => job.before)).toEqual([aDigest]);
    // The search has no part in it.
    expect(run.reads).not.toContain(2);
  });

  it('one before them that takes long: Sandbox.Unavailable, so that the slot is free for it', async () => {
    const { jobs, tools } = aFakeSandbox();
    const run = aRunOf([aModelRecord(), recordOf(1, { id: 'sbx_0001', treeDigest: null })]);
    const waiting = runTool(
      tools['run_command'],
      { command: 'echo 2', sandbox_id: 'sbx_0001' },
      contextAt(4, { ...around, recordOf: run.recordOf }),
    );
    const failure = await waiting.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AppError);
    expect(failure).toMatchObject({ type: 'Sandbox.Unavailable', facts: { retryAfterMs: 1_000 } });
    expect(jobs).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { createSandboxTools } from '../../../activities/sandbox/activities.ts';
import { createArtifactStore } from '../../../activities/sandbox/artifacts.ts';
import type { SandboxJob, SandboxPort, SandboxRef, SandboxResult } from '../../../activities/sandbox/ports.ts';
import { type IncomingFiles, noIncomingFiles } from '../../../activities/sandbox/tools/task-files.ts';
import { digestBytes } from '../../../activities/storage/encoding.ts';
import { storeFile } from '../../../activities/sandbox/tree/stored-file.ts';
import { createTreeStore } from '../../../activities/sandbox/tree/tree-store.ts';
import { createBlobStore } from '../../../activities/storage/blob-store.ts';
import type { ToolHandler } from '../../../activities/steps/tool-step.ts';
import { AppError } from '../../../domain/errors.ts';
import type { StepRecord } from '../../../domain/record.ts';
import type { ToolCall } from '../../../domain/tools.ts';
import { createMemoryObjectStore } from '../../api/memory-object-store.ts';
import { aDigest, aManifest, aModelRecord, aProfile } from '../../support/facts.ts';
import { aToolContext } from '../../support/tool-context.ts';

/** A declared fake of the port: remembers its jobs, and each gives the next digest. */
function aFakeSandbox(change: Partial<SandboxResult> = {}) {
  const jobs: { ref: SandboxRef; job: SandboxJob }[] = [];
  const once: { ref: SandboxRef; job: SandboxJob }[] = [];
  const ended: SandboxResult = {
    exitCode: 0,
    stdout: 'out',
    stderr: '',
    timedOut: false,
    report: '{"results":[],"error":null}',
    treeDigest: null,
    isRolledBack: false,
  };
  const port: SandboxPort = {
    run: async (ref, job) => {
      jobs.push({ ref, job });
      return { ...ended, treeDigest: `tree ${jobs.length}`, ...change };
    },
    runOnce: async (ref, job) => {
      once.push({ ref, job });
      return { ...ended, ...change };
    },
    destroy: async () => undefined,
    listRuns: async () => [],
    sweep: async () => undefined,
  };
  const objects = createMemoryObjectStore();
  const trees = createTreeStore({ objects, blobs: createBlobStore(objects) });
  const artifacts = createArtifactStore(objects);
  const bounds = { entries: 1_000, bytes: 1_000_000 };
  const make = (incoming: IncomingFiles = noIncomingFiles) =>
    createSandboxTools({ sandbox: port, trees, bounds, artifacts, incoming });
  return { jobs, once, trees, artifacts, make, tools: make() };
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

/** A run whose sandbox `s` has these files, and the context of a step in it. */
async function aRunWithFile(fake: ReturnType<typeof aFakeSandbox>, name: string, text: string) {
  const chunks = (async function* () {
    yield Buffer.from(text);
  })();
  const stored = await storeFile(fake.trees, 'default', { name, chunks, maxBytes: 1_000 });
  const { treeDigest } = stored;
  const run = aRunOf([aModelRecord(), recordOf(1, { id: 's', treeDigest }), aModelRecord({ seq: 2 })]);
  return { stored, context: contextAt(3, run) };
}

/** What the model is shown of a job that ended like this. */
async function textOfTool(tool: string, change: Partial<SandboxResult>): Promise<string> {
  const fake = aFakeSandbox(change);
  const { context } = await aRunWithFile(fake, 'f', 'x');
  const args = { command: 'ls', code_block: '1', sandbox_id: 's' };
  return (await runTool(fake.tools[tool], args, context)).text;
}

describe('the text of a command', () => {
  const textOf = textOfTool.bind(null, 'run_command');

  it('a command that fails: code, both streams and the reason, as Python would print them', async () => {
    expect(await textOf({ exitCode: 3, stdout: "it's\n", stderr: 'a\tb\\ é \u0007\u2028' })).toBe(
      `CommandResult(stderr='a\\tb\\\\ é \\x07\\u2028', stdout="it's\\n", exit_code=3, error='exit status 3')`,
    );
    expect(await textOf({ exitCode: 0, stdout: `'"` })).toBe(
      `CommandResult(stderr='', stdout='\\'"', exit_code=0, error='')`,
    );
  });

  it('a command that took too long: what it printed, and which limit it hit', async () => {
    expect(await textOf({ exitCode: null, timedOut: true, stdout: 'half' })).toBe(
      "CommandResult(stderr='', stdout='half', exit_code=-1, error='timed out after 60 s, the limit of one call; everything it started was ended')",
    );
  });

  it('a command that is not there: says that nothing can be installed', async () => {
    expect(await textOf({ exitCode: 127, stderr: 'x: command not found\n' })).toContain('the sandbox has no network');
  });

  it('a long one: cut by code points, with the note', async () => {
    const text = await textOf({ stdout: '😀'.repeat(30_000) });
    expect(Array.from(text)).toHaveLength(20_000 + ' [Result truncated due to length limit]'.length);
    expect(text.endsWith('😀 [Result truncated due to length limit]')).toBe(true);
  });
});

describe('the text of Python code', () => {
  const textOf = textOfTool.bind(null, 'run_python_code');

  it('code that ran: results and logs', async () => {
    const report = JSON.stringify({ results: ['5'], error: null });
    expect(await textOf({ stdout: 'a\n', report })).toBe(
      "Execution(Results: [Result(5)], Logs: Logs(stdout: ['a\\n'], stderr: []), Error: None)",
    );
  });

  it('code that failed: its error', async () => {
    const error = { name: 'ZeroDivisionError', value: 'division by zero', traceback: 'Traceback\n' };
    expect(await textOf({ stdout: '', exitCode: 1, report: JSON.stringify({ results: [], error }) })).toBe(
      "Execution(Results: [], Logs: Logs(stdout: [], stderr: []), Error: ExecutionError(name='ZeroDivisionError', value='division by zero', traceback='Traceback\\n'))",
    );
  });

  it('code that took too long: TimeoutError with the limit', async () => {
    expect(await textOf({ timedOut: true, exitCode: null, report: null })).toContain(
      "Error: ExecutionError(name='TimeoutError', value='timed out after 300 s",
    );
  });

  it.each([
    ['none', null],
    ['not JSON', '{'],
    ['another shape', '{"results":"x"}'],
    ['a giant one', JSON.stringify({ results: ['x'.repeat(100_000)], error: null })],
  ])('an interpreter that left %s report: an error that says so, never a guess', async (_name, report) => {
    expect(await textOf({ exitCode: 137, report })).toMatch(/Results: \[\], .*name='InterpreterDied'.*exit code 137/u);
  });
});

describe('a sandbox id that models make up', () => {
  const stateless = aManifest({ profile: aProfile({ madeUpSandbox: 'stateless' }) });

  it.each(['default', 'sandbox_01', 'none', ' ', undefined])(
    '%j, where the profile says so: runs once, on its own',
    async (id) => {
      const fake = aFakeSandbox();
      const context = { ...contextAt(3, aRunOf([])), manifest: stateless };
      const args = { code_block: '1', ...(id === undefined ? {} : { sandbox_id: id }) };
      const result = await runTool(fake.tools['run_python_code'], args, context);
      expect(result.text).toContain('Execution(');
      expect(result.sandbox).toBeUndefined();
      expect(fake.once.map(({ ref }) => ref.sandboxId)).toEqual(['once_3']);
    },
  );

  it('in every other profile, and any other id: Tool.BadArguments, nothing runs', async () => {
    const fake = aFakeSandbox();
    const run = aRunOf([aModelRecord(), aModelRecord({ seq: 1 }), aModelRecord({ seq: 2 })]);
    const strict = runTool(
      fake.tools['run_python_code'],
      { code_block: '1', sandbox_id: 'default' },
      contextAt(3, run),
    );
    await expect(strict).rejects.toMatchObject({ type: 'Tool.BadArguments' });
    const context = { ...contextAt(3, run), manifest: stateless };
    const other = runTool(fake.tools['run_python_code'], { code_block: '1', sandbox_id: 'sbx_0099' }, context);
    await expect(other).rejects.toMatchObject({ type: 'Tool.BadArguments' });
    const command = runTool(fake.tools['run_command'], { command: 'ls', sandbox_id: 'default' }, context);
    await expect(command).rejects.toMatchObject({ type: 'Tool.BadArguments' });
    expect([fake.jobs, fake.once]).toEqual([[], []]);
  });
});

describe('files into a sandbox', () => {
  it('a file of the task, by its name or the path that the task shows: put into the folder', async () => {
    const fake = aFakeSandbox({ stdout: '/home/user/in/data.csv\n' });
    const { stored, context } = await aRunWithFile(fake, 'data.csv', 'a,b');
    const { upload_file_from_local_to_sandbox: upload } = fake.make({
      ...noIncomingFiles,
      taskFiles: async () => [stored],
    });
    for (const path of ['data.csv', '/files/data.csv']) {
      const args = { sandbox_id: 's', local_file_path: path, sandbox_file_path: '/home/user/in' };
      expect(await runTool(upload, args, context)).toMatchObject({
        text: 'File uploaded to /home/user/in/data.csv',
        sandbox: { id: 's' },
      });
    }
    const { job } = fake.jobs[0]!;
    expect(JSON.parse(job.source)).toEqual({ path: '/home/user/in', name: 'data.csv', isFolder: true });
    const parts: Uint8Array[] = [];
    for await (const part of await job.attachment!.open()) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('a,b');
  });

  it.each(['/etc/passwd', '../data.csv.bak', '', 'other'])(
    '%j, which is no file of the task: refused, nothing is read',
    async (path) => {
      const fake = aFakeSandbox();
      const { stored, context } = await aRunWithFile(fake, 'data.csv', 'a,b');
      const { upload_file_from_local_to_sandbox: upload } = fake.make({
        ...noIncomingFiles,
        taskFiles: async () => [stored],
      });
      const refused = runTool(upload, { sandbox_id: 's', local_file_path: path }, context);
      await expect(refused).rejects.toMatchObject({ type: 'Tool.BadArguments' });
      expect(fake.jobs).toEqual([]);
    },
  );

  it.each([
    ['/home/user', 'https://a.org/b/data.csv?x=1', { isFolder: true, name: 'data.csv' }],
    ['/home/user/x.csv', 'https://a.org/b/data.csv', { isFolder: false, name: 'data.csv' }],
    ['/home/user/v1.2/', 'https://a.org/', { isFolder: true, name: 'downloaded_file' }],
    ['/home/user/.config', 'https://a.org/%2e%2e', { isFolder: true, name: 'downloaded_file' }],
    ['in', 'https://a.org/a%2Fb%20c.txt', { isFolder: true, name: 'a_b c.txt' }],
  ])('a download to %s from %s → %j', async (path, url, place) => {
    const fake = aFakeSandbox({ stdout: '/home/user/f\n' });
    const { stored, context } = await aRunWithFile(fake, 'fetched', 'x');
    const { download_file_from_internet_to_sandbox: download } = fake.make({
      ...noIncomingFiles,
      fetched: async () => stored,
    });
    const { text } = await runTool(download, { sandbox_id: 's', url, sandbox_file_path: path }, context);
    expect(text).toBe('File downloaded to /home/user/f');
    expect(JSON.parse(fake.jobs[0]!.job.source)).toEqual({ path, ...place });
  });

  it('a download that nobody fetched: refused', async () => {
    const fake = aFakeSandbox();
    const { context } = await aRunWithFile(fake, 'f', 'x');
    const args = { sandbox_id: 's', url: 'https://a.org/f' };
    const refused = runTool(fake.tools['download_file_from_internet_to_sandbox'], args, context);
    await expect(refused).rejects.toMatchObject({ type: 'Tool.Refused' });
  });

  it('a place that cannot be written, or no room: Tool.Failed with the reason', async () => {
    for (const change of [{ exitCode: 1, stderr: 'only files under /home/user are kept' }, { isRolledBack: true }]) {
      const fake = aFakeSandbox(change);
      const { stored, context } = await aRunWithFile(fake, 'f', 'x');
      const { upload_file_from_local_to_sandbox: upload } = fake.make({
        ...noIncomingFiles,
        taskFiles: async () => [stored],
      });
      const refused = runTool(upload, { sandbox_id: 's', local_file_path: 'f' }, context);
      await expect(refused).rejects.toMatchObject({ type: 'Tool.Failed' });
    }
  });
});

describe('files out of a sandbox', () => {
  it('a file: among the artifacts of the run, once a step, without a box', async () => {
    const fake = aFakeSandbox();
    const { stored, context } = await aRunWithFile(fake, 'report.md', '# hi');
    const download = fake.tools['download_file_from_sandbox_to_local'];
    const args = { sandbox_id: 's', sandbox_file_path: '/home/user/report.md' };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await runTool(download, args, context)).toEqual({
        text: 'File downloaded to artifacts/sandbox_s_report.md',
        sandbox: { id: 's', treeDigest: stored.treeDigest },
      });
    }
    expect(fake.jobs).toEqual([]);
    expect(await fake.artifacts.list(context)).toEqual([
      {
        schemaVersion: 1,
        seq: 3,
        name: 'sandbox_s_report.md',
        sandboxId: 's',
        path: '/home/user/report.md',
        treeDigest: stored.treeDigest,
        digest: digestBytes('# hi'),
        sizeBytes: 4,
      },
    ]);
  });

  it.each([
    ['../../etc/x', 'sandbox_s_x'],
    ['a\0b\n<c>', 'sandbox_s_a_b__c_'],
    ['..', 'sandbox_s_file'],
    ['naïve 字.txt', 'sandbox_s_naïve 字.txt'],
  ])('a local name of %j → %s', async (name, kept) => {
    const fake = aFakeSandbox();
    const { context } = await aRunWithFile(fake, 'f', 'x');
    const args = { sandbox_id: 's', sandbox_file_path: 'f', local_filename: name };
    const { text } = await runTool(fake.tools['download_file_from_sandbox_to_local'], args, context);
    expect(text).toBe(`File downloaded to artifacts/${kept}`);
  });

  it.each([
    ['/home/user', 'is a folder'],
    ['nothing', 'is not there'],
    ['f/below', 'is not there'],
    ['/etc/passwd', 'is not under /home/user'],
    ['../../etc/passwd', 'is not under /home/user'],
  ])('%s: Tool.Failed, it %s', async (path, reason) => {
    const fake = aFakeSandbox();
    const { context } = await aRunWithFile(fake, 'f', 'x');
    const args = { sandbox_id: 's', sandbox_file_path: path };
    const refused = runTool(fake.tools['download_file_from_sandbox_to_local'], args, context);
    await expect(refused).rejects.toMatchObject({ type: 'Tool.Failed', message: expect.stringContaining(reason) });
  });
});

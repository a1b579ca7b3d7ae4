import { createBubblewrapRuntime } from '../../../activities/sandbox/adapters/bubblewrap-runtime.ts';
import { describe, expect, it } from 'vitest';
import { type HostDriver, createHostDriver } from '../../../activities/sandbox/adapters/host-driver.ts';
import { isSelfTestOver, runSandboxSelfTest } from '../../../activities/sandbox/adapters/sandbox-self-test.ts';
import type { JobEnd } from '../../../activities/sandbox/driver.ts';
import { aSandbox, isRoot } from './sandbox-fixture.ts';
import { runUnboxed } from './unboxed.ts';

const anEnd = (change: Partial<JobEnd>): JobEnd => ({
  exitCode: 0,
  stdout: '',
  stderr: '',
  timedOut: false,
  excess: null,
  notes: [],
  report: null,
  ...change,
});

const unboxed = async (source: string) => anEnd(await runUnboxed(source));

/** A driver that is as real as the given one, but for what its Python jobs do. */
function withPython(real: HostDriver, python: (source: string) => Promise<JobEnd>): HostDriver {
  return {
    ...real,
    open: async (ref, lease, before) => {
      const opened = await real.open(ref, lease, before);
      const { run } = opened.workspace;
      const workspace = {
        ...opened.workspace,
        run: async (...[job, signal]: Parameters<typeof run>) =>
          job.kind === 'python' ? python(job.source) : run(job, signal),
      };
      return { ...opened, workspace };
    },
  };
}

const report = (change: Record<string, unknown>): string =>
  JSON.stringify({ tried: 200, out: {}, absent: [], ...change });

describe('sandbox self-test', () => {
  it('hardened box: every probe → refused, nothing left behind', async () => {
    await using box = await aSandbox();
    const { probes } = await runSandboxSelfTest(box.driver);
    expect(probes).toBeGreaterThan(200);
    expect(await box.sandbox.listRuns()).toEqual([]);
  });

  it('no box at all: the same probes → they get out by the dozen and are named', async () => {
    await using box = await aSandbox();
    const failed = runSandboxSelfTest(withPython(box.driver, unboxed));
    await expect(failed).rejects.toMatchObject({ type: 'Sandbox.Unsafe' });
    const message = await failed.then(() => 'passed', String);
    const out = message.split('; ').filter((part) => / \(.*\)/u.test(part));
    expect(out.length).toBeGreaterThan(isRoot ? 120 : 60);
    for (const name of [
      "the host's loopback (",
      'environment: names beside ours (',
      'host files: ',
      'identity: a system call filter (',
    ]) {
      expect(message).toContain(name);
    }
    expect(message).toMatch(/[1-9][0-9]* connections reached the host/);
    expect(message).not.toContain('the probe itself failed');
    expect(await box.sandbox.listRuns()).toEqual([]);
  });

  it.each([
    ['one that got out', report({ out: { 'S3 mount': 'returned 0' } }), 'got out: S3 mount (returned 0).'],
    ['too few of them', report({ tried: 12 }), 'only 12 of the probes were tried'],
  ])('%s: Sandbox.Unsafe that says so', async (_name, stdout, message) => {
    await using box = await aSandbox();
    const failed = runSandboxSelfTest(withPython(box.driver, async () => anEnd({ stdout })));
    await expect(failed).rejects.toThrow(message);
  });

  it.each([
    ['no output', {}],
    ['not JSON', { exitCode: 1, stdout: 'Killed', stderr: 'boom' }],
    ['time-out', { exitCode: null, stdout: '{"tried":300', timedOut: true }],
    ['other shape', { stdout: '{"tried":300,"out":[]}' }],
  ])('probes end with %s → Sandbox.Unsafe', async (_name, end) => {
    await using box = await aSandbox();
    const failed = runSandboxSelfTest(withPython(box.driver, async () => anEnd(end)));
    await expect(failed).rejects.toMatchObject({ type: 'Sandbox.Unsafe' });
  });

  it('bubblewrap missing: self-test → named, not passed', async () => {
    await using box = await aSandbox();
    const driver = createHostDriver({ directory: box.directory, runtime: createBubblewrapRuntime('/nowhere/bwrap') });
    await expect(runSandboxSelfTest(driver)).rejects.toThrow('bubblewrap is missing');
  });
});

describe('what a self-test leaves when its process dies', () => {
  it.each([
    [{ tenant: 'default', runId: `${process.pid}-0` }, null],
    [{ tenant: 'self-test', runId: `${process.pid}-0` }, false],
    [{ tenant: 'self-test', runId: '99999999-0' }, true],
    [{ tenant: 'self-test', runId: 'none' }, true],
  ])('%j: over is %s', (run, isOver) => {
    expect(isSelfTestOver(run)).toBe(isOver);
  });
});

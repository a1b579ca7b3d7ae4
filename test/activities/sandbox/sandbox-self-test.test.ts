import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type BubblewrapDriver, createBubblewrapDriver } from '../../../activities/sandbox/adapters/bubblewrap.ts';
import { probeNames } from '../../../activities/sandbox/adapters/sandbox-probes.ts';
import { isSelfTestOver, runSandboxSelfTest } from '../../../activities/sandbox/adapters/sandbox-self-test.ts';
import type { JobEnd } from '../../../activities/sandbox/driver.ts';
import { aSandbox, isRoot } from './sandbox-fixture.ts';

/** The same probes with nothing between them and the host but a bind of everything. */
async function runUnhardened(source: string): Promise<JobEnd> {
  const plain = ['--bind', '/', '/', '--dev-bind', '/dev', '/dev', '--', '/usr/bin/python3', '-'];
  // Descriptor 3 stands for one that the worker forgot to close.
  const command = ['-c', 'exec 3</etc/passwd; exec /usr/bin/bwrap "$@"', 'bwrap', ...plain];
  const child = spawn('/bin/bash', command, { env: { ...process.env, WORKER_SECRET: 'x' } });
  child.stdin.end(source);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { exitCode: child.exitCode, stdout, stderr, timedOut: false, excess: null };
}

/** A driver that is as real as the given one, but for what its Python jobs do. */
function withPython(real: BubblewrapDriver, python: (source: string) => Promise<JobEnd>): BubblewrapDriver {
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

const report = (probes: Record<string, string | null>): JobEnd => ({
  exitCode: 0,
  stdout: JSON.stringify(probes),
  stderr: '',
  timedOut: false,
  excess: null,
});

// What a worker without root cannot do even unboxed.
const onlyRoot = ['other-processes', 'root-uid', 'capabilities', 'kernel-settings', 'writable-root'];

describe('sandbox self-test', () => {
  it('hardened box: every probe → refused, nothing left behind', async () => {
    await using box = await aSandbox();
    const { probes } = await runSandboxSelfTest(box.driver);
    expect(probes.length).toBeGreaterThanOrEqual(10);
    expect(await box.sandbox.listRuns()).toEqual([]);
  });

  it('unhardened box: the same probes → every one gets out and is named', async () => {
    await using box = await aSandbox();
    const failed = runSandboxSelfTest(withPython(box.driver, runUnhardened));
    await expect(failed).rejects.toMatchObject({ type: 'Sandbox.Unsafe' });
    const message = await failed.catch((error: unknown) => String(error));
    const expected = isRoot ? probeNames : probeNames.filter((name) => !onlyRoot.includes(name));
    for (const name of expected) expect(message).toContain(`${name} (`);
    expect(message).not.toContain('the probe itself failed');
    expect(message).toMatch(/[1-9][0-9]* connections reached the host/);
    expect(await box.sandbox.listRuns()).toEqual([]);
  });

  it('probe missing from the report: all others refused → Sandbox.Unsafe naming it', async () => {
    await using box = await aSandbox();
    const all = Object.fromEntries(probeNames.map((name) => [name, null]));
    const { network: _left, ...rest } = all;
    const failed = runSandboxSelfTest(withPython(box.driver, async () => report(rest)));
    await expect(failed).rejects.toThrow('got out: network (not tried).');
  });

  it.each([
    ['no output', { exitCode: 0, stdout: '', stderr: '', timedOut: false, excess: null }],
    ['not JSON', { exitCode: 1, stdout: 'Killed', stderr: 'boom', timedOut: false, excess: null }],
    ['time-out', { exitCode: null, stdout: '{"network":null', stderr: '', timedOut: true, excess: null }],
    ['other shape', { exitCode: 0, stdout: '{"network":false}', stderr: '', timedOut: false, excess: null }],
  ])('probes end with %s → Sandbox.Unsafe', async (_name, result) => {
    await using box = await aSandbox();
    const failed = runSandboxSelfTest(withPython(box.driver, async () => result));
    await expect(failed).rejects.toMatchObject({ type: 'Sandbox.Unsafe' });
  });

  it('bubblewrap missing: self-test → named, not passed', async () => {
    await using box = await aSandbox();
    const driver = createBubblewrapDriver({ directory: box.directory, bwrapPath: '/nowhere/bwrap' });
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

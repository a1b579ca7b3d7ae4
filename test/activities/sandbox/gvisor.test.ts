import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createGvisorRuntime } from '../../../activities/sandbox/adapters/gvisor-runtime.ts';
import { runSandboxSelfTest } from '../../../activities/sandbox/adapters/sandbox-self-test.ts';
import { aSandbox, isRoot } from './sandbox-fixture.ts';

const places = (process.env['PATH'] ?? '').split(delimiter);
const runsc = places.map((place) => join(place, 'runsc')).find(existsSync);

const open = () => aSandbox({ runtime: createGvisorRuntime(runsc ?? '') });

describe('gVisor', () => {
  it('runsc that is not there: Config.Invalid with the mend', async () => {
    await using box = await aSandbox({ runtime: createGvisorRuntime('/nowhere/runsc') });
    await expect(box.driver.checkHost()).rejects.toThrow(/runsc is missing \(\/nowhere\/runsc\).*LONGHAUL_SANDBOX/u);
  });
});

describe.runIf(runsc !== undefined && isRoot)('gVisor, where runsc is on PATH and the tests run as root', () => {
  it('self-test: every probe → refused', async () => {
    await using box = await open();
    expect((await runSandboxSelfTest(box.driver)).probes).toBeGreaterThan(200);
  });

  it('jobs: code, both streams, files and links for the next step and for bubblewrap on another host', async () => {
    await using box = await open();
    const result = await box.run('echo out; echo problem >&2; echo one > log; ln -s log link; uname -v; exit 3');
    expect(result).toMatchObject({ exitCode: 3, stderr: 'problem\n' });
    expect(result.stdout).toContain('2016');
    expect((await box.python('import threading\nlen(open("link").read())')).report).toContain('"results": ["4"]');
    await using other = await aSandbox({ objects: box.objects });
    expect((await other.run('cat link', { before: result.treeDigest })).stdout).toBe('one\n');
  });

  it('wall limit, a daemon, a job that is killed with its box: nothing lives', async () => {
    await using box = await open();
    const result = await box.run('(setsid sleep 600 &); trap "" TERM; echo begun; sleep 600', { timeoutMs: 3_000 });
    expect(result).toMatchObject({ exitCode: null, stdout: 'begun\n', timedOut: true });
    expect((await box.run('echo next')).stdout).toBe('next\n');
  });

  it('memory of the whole box: killed, and the result says why', async () => {
    await using box = await aSandbox({
      runtime: createGvisorRuntime(runsc ?? ''),
      limits: { memoryBytes: 400_000_000 },
    });
    const source =
      'import os\nfor _ in range(4):\n  if os.fork() == 0: data = b"x" * 200_000_000; os.wait()\nos.wait()';
    expect((await box.python(source)).stderr).toContain('killed for want of memory');
  });
});

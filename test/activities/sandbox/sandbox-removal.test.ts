import { readdir, stat } from 'node:fs/promises';
import { createBubblewrapRuntime } from '../../../activities/sandbox/adapters/bubblewrap-runtime.ts';
import { describe, expect, it, vi } from 'vitest';
import { createHostDriver } from '../../../activities/sandbox/adapters/host-driver.ts';
import { aRef, aSandbox, aSandboxScope } from './sandbox-fixture.ts';

const aRun = { tenant: 'default', runId: 'run' };

describe('destroy', () => {
  it('run with a job under way: processes, files, uids and leases gone, the job is told', async () => {
    await using box = await aSandbox();
    const running = box.run('(setsid sleep 600 &); touch begun; sleep 600');
    const told = running.catch((error: unknown) => error);
    await vi.waitFor(async () => stat(box.path('work', 'begun')), { timeout: 20_000, interval: 20 });
    expect(await box.processes()).not.toEqual([]);
    await box.sandbox.destroy(aRun);
    expect(await told).toMatchObject({ type: 'Ledger.Fenced' });
    expect(await box.sandbox.listRuns()).toEqual([]);
    expect(await readdir(`${box.directory}/.trash`)).toEqual([]);
    expect(await readdir(`${box.directory}/.uids`).catch(() => [])).toEqual([]);
    expect(await box.objects.list('t/default/leases/')).toEqual([]);
  });

  it('again, and of no run: nothing happens, others stay', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run({ ...aRef, runId: 'other' }, job, aSandboxScope());
    await box.sandbox.destroy(aRun);
    await box.sandbox.destroy(aRun);
    await box.sandbox.destroy({ tenant: 'default', runId: 'never' });
    expect(await box.sandbox.listRuns()).toEqual([{ tenant: 'default', runId: 'other' }]);
  });

  it('of one tenant: a run of the same id of another stays', async () => {
    await using box = await aSandbox();
    await box.run('true');
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run({ ...aRef, tenant: 'other' }, job, aSandboxScope());
    await box.sandbox.destroy(aRun);
    expect(await box.sandbox.listRuns()).toEqual([{ tenant: 'other', runId: 'run' }]);
  });

  it('traps in the workspace: links to host files, closed and deep directories → removed, files of the host stay', async () => {
    await using box = await aSandbox();
    const dig = 'import os\nfor _ in range(1000):\n    os.mkdir("deep"); os.chdir("deep")';
    const traps = `ln -s ${box.directory} out; mkdir -p a/b; chmod 0 a/b a; python3 -c '${dig}'; touch begun; sleep 600`;
    const running = box.run(traps).catch(() => undefined);
    await vi.waitFor(async () => stat(box.path('work', 'begun')), { timeout: 20_000, interval: 20 });
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await box.sandbox.run({ ...aRef, runId: 'other' }, job, aSandboxScope());
    await box.sandbox.destroy(aRun);
    await running;
    expect(await box.sandbox.listRuns()).toEqual([{ tenant: 'default', runId: 'other' }]);
    expect(await readdir(`${box.directory}/.trash`)).toEqual([]);
  });
});

describe('what is refused', () => {
  const unsafe = ['../run', 'a/b', '', '.', '..', 'a\0b', 'a b', '.uids', 'a.b', 'x'.repeat(129)];
  it.each(unsafe)('id %j: not safe in a path → Input.Invalid', async (id) => {
    await using box = await aSandbox();
    const invalid = { type: 'Input.Invalid' };
    const job = { kind: 'shell', source: 'true', timeoutMs: 60_000, before: null } as const;
    await expect(box.sandbox.run({ ...aRef, runId: id }, job, aSandboxScope())).rejects.toMatchObject(invalid);
    await expect(box.sandbox.run({ ...aRef, sandboxId: id }, job, aSandboxScope())).rejects.toMatchObject(invalid);
    await expect(box.sandbox.run({ ...aRef, tenant: id }, job, aSandboxScope())).rejects.toMatchObject(invalid);
    await expect(box.sandbox.destroy({ tenant: 'default', runId: id })).rejects.toMatchObject(invalid);
    expect(await box.sandbox.listRuns()).toEqual([]);
  });

  it.each([0, Number.NaN, 1.5, 86_400_001])('time limit %s: Input.Invalid', async (timeoutMs) => {
    await using box = await aSandbox();
    await expect(box.run('true', { timeoutMs })).rejects.toMatchObject({ type: 'Input.Invalid' });
  });

  it('bubblewrap missing: Config.Invalid with its name and the mend', async () => {
    await using box = await aSandbox();
    const driver = createHostDriver({ directory: box.directory, runtime: createBubblewrapRuntime('/nowhere/bwrap') });
    await expect(driver.checkHost()).rejects.toThrow(
      /bubblewrap is missing \(\/nowhere\/bwrap\).*apt-get install -y bubblewrap/,
    );
  });

  it('bubblewrap that cannot build the box: Sandbox.Unavailable, not a result', async () => {
    await using box = await aSandbox({ runtime: createBubblewrapRuntime('/bin/false') });
    await expect(box.run('true')).rejects.toMatchObject({ type: 'Sandbox.Unavailable' });
  });
});

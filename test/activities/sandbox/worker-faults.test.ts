import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { findBoxProcesses, findUids } from '../../../activities/sandbox/adapters/sandbox-processes.ts';
import { toDefaultUidRange } from '../../../activities/sandbox/adapters/sandbox-uids.ts';
import type { StepPoint } from '../../../activities/sandbox/continuity.ts';
import type { SandboxJob } from '../../../activities/sandbox/ports.ts';
import { createDirectoryStore } from '../../../activities/storage/adapters/directory.ts';
import { aRef, aSandbox, isRoot, newestEpoch, ownerOf } from './sandbox-fixture.ts';
import { type SandboxOrder, type SandboxReport, stepPoints } from './sandbox-order.ts';
import { startWorker } from './sandbox-worker.ts';

/** Appends, makes, removes and links: run twice on the same files it would show. */
const source = 'cat log; echo two >> log; mkdir -p d/e; ln -s d l; rm -f gone; echo $(wc -l < log) > count';

/** A step that has files before it, on a store that other processes can open. */
async function aStep() {
  const storeDirectory = await mkdtemp(join(tmpdir(), 'longhaul-store-'));
  const objects = createDirectoryStore({ directory: storeDirectory });
  const box = await aSandbox({ objects });
  const { treeDigest } = await box.run('echo one > log; echo x > gone');
  const job: SandboxJob = { kind: 'shell', source, timeoutMs: 60_000, before: treeDigest };
  const undisturbed = await box.sandbox.run(aRef, job, {
    signal: AbortSignal.timeout(60_000),
    reportWaiting: () => {},
  });
  const { directory } = box;
  const order = (change: Partial<SandboxOrder>): SandboxOrder => ({
    directory,
    storeDirectory,
    ref: aRef,
    job,
    at: null,
    how: 'SIGKILL',
    ...change,
  });
  return {
    box,
    objects,
    order,
    undisturbed,
    before: treeDigest,
    [Symbol.asyncDispose]: async () => {
      await box[Symbol.asyncDispose]();
      await rm(storeDirectory, { recursive: true, force: true });
    },
  };
}

/** Processes of this directory's sandboxes that live. */
async function survivors(directory: string): Promise<number> {
  if (isRoot) {
    const { first, count } = toDefaultUidRange(directory);
    return (await findUids({ first, last: first + count - 1 })).size;
  }
  return (await findBoxProcesses({ kind: 'mount', part: `/${directory.split('/').at(-1)}/` })).length;
}

async function expectNothingLeft(directory: string, sweep: () => Promise<void>): Promise<void> {
  await sweep();
  expect(await survivors(directory)).toBe(0);
  expect(readdirSync(join(directory, 'default.run/box'))).toHaveLength(1);
  expect(existsSync(join(directory, '.trash')) ? readdirSync(join(directory, '.trash')) : []).toEqual([]);
  expect(isRoot ? readdirSync(join(directory, '.uids')).length : 1).toBe(1);
}

describe('a worker killed in a step', () => {
  it.each(stepPoints)('at %s: the next attempt gives what an undisturbed one gave', async (at) => {
    await using step = await aStep();
    const worker = startWorker(step.order({ at }));
    expect(await worker.ended).toBeNull();
    expect(worker.reports.at(-1)).toEqual({ kind: 'point', point: at });
    const again = startWorker(step.order({}));
    expect(await again.ended).toEqual({ kind: 'result', result: step.undisturbed });
    expect((await step.box.run('cat log', { before: step.undisturbed.treeDigest })).stdout).toBe('one\ntwo\n');
    await expectNothingLeft(step.box.directory, step.box.sandbox.sweep);
  });

  it('inside the job: the box dies with it, and the next attempt begins with the files before', async () => {
    await using step = await aStep();
    const endless = { kind: 'shell', timeoutMs: 600_000, before: step.before } as const;
    const running = '(setsid sleep 600 &); echo half >> log; touch begun; sleep 600';
    const worker = startWorker(step.order({ job: { ...endless, source: running } }));
    const epoch = await begun(step.box.directory);
    const owner = ownerOf(step.box.directory, epoch);
    expect(await findBoxProcesses(owner)).not.toEqual([]);
    worker.child.kill('SIGKILL');
    expect(await worker.ended).toBeNull();
    await vi.waitFor(async () => expect(await findBoxProcesses(owner)).toEqual([]), { timeout: 20_000, interval: 20 });
    const again = startWorker(step.order({}));
    expect(await again.ended).toEqual({ kind: 'result', result: step.undisturbed });
    await expectNothingLeft(step.box.directory, step.box.sandbox.sweep);
  });

  it.each<StepPoint>(['before-job', 'tree-stored'])(
    'at %s, and the next attempt on another host: the same',
    async (at) => {
      await using step = await aStep();
      const worker = startWorker(step.order({ at }));
      expect(await worker.ended).toBeNull();
      await using other = await aSandbox({ objects: step.objects });
      const again = startWorker(step.order({ directory: other.directory }));
      expect(await again.ended).toEqual({ kind: 'result', result: step.undisturbed });
      await step.box.sandbox.sweep();
      expect(readdirSync(join(step.box.directory, 'default.run/box'))).toEqual([]);
    },
  );
});

describe('a worker that is frozen and wakes', () => {
  it.each(stepPoints)('at %s: nothing that it does shows in what came after', async (at) => {
    await using step = await aStep();
    const zombie = startWorker(step.order({ at, how: 'SIGSTOP' }));
    try {
      await zombie.stopped();
      const again = startWorker(step.order({}));
      expect(await again.ended).toEqual({ kind: 'result', result: step.undisturbed });
      const next = await step.box.run('echo three >> log; cat log', { before: step.undisturbed.treeDigest });
      zombie.child.kill('SIGCONT');
      const said = await zombie.ended;
      // It may have been past everything that can be taken from it: then its result is the same one.
      const harmless = [JSON.stringify(step.undisturbed), 'Ledger.Fenced', 'Sandbox.Unavailable'];
      expect(harmless).toContain(said?.kind === 'failure' ? said.type : JSON.stringify(resultOf(said)));
      const after = await step.box.run('cat log', { before: next.treeDigest });
      expect(after).toMatchObject({ stdout: 'one\ntwo\nthree\n', treeDigest: next.treeDigest });
    } finally {
      zombie.child.kill('SIGKILL');
    }
    await expectNothingLeft(step.box.directory, step.box.sandbox.sweep);
  });

  it('inside the job: its box is killed by the attempt that comes after', async () => {
    await using step = await aStep();
    const running = 'touch begun; for i in $(seq 6000); do echo late >> log; sleep 0.01; done';
    const job = { kind: 'shell', source: running, timeoutMs: 600_000, before: step.before } as const;
    const zombie = startWorker(step.order({ job }));
    try {
      const owner = ownerOf(step.box.directory, await begun(step.box.directory));
      zombie.child.kill('SIGSTOP');
      await zombie.stopped();
      expect(await findBoxProcesses(owner)).not.toEqual([]);
      const again = startWorker(step.order({}));
      expect(await again.ended).toEqual({ kind: 'result', result: step.undisturbed });
      expect(await findBoxProcesses(owner)).toEqual([]);
      zombie.child.kill('SIGCONT');
      const said = await zombie.ended;
      expect(['Ledger.Fenced', 'Sandbox.Unavailable']).toContain(said?.kind === 'failure' ? said.type : said);
    } finally {
      zombie.child.kill('SIGKILL');
    }
    await expectNothingLeft(step.box.directory, step.box.sandbox.sweep);
  });

  it('inside the job, the next attempt on another host: its box ends with it, its workspace goes with the sweep', async () => {
    await using step = await aStep();
    const job = { kind: 'shell', source: 'touch begun; sleep 2', timeoutMs: 600_000, before: step.before } as const;
    const zombie = startWorker(step.order({ job }));
    await using other = await aSandbox({ objects: step.objects });
    try {
      await begun(step.box.directory);
      zombie.child.kill('SIGSTOP');
      await zombie.stopped();
      const again = startWorker(step.order({ directory: other.directory }));
      expect(await again.ended).toEqual({ kind: 'result', result: step.undisturbed });
      zombie.child.kill('SIGCONT');
      await zombie.ended;
    } finally {
      zombie.child.kill('SIGKILL');
    }
    await step.box.sandbox.sweep();
    expect(readdirSync(join(step.box.directory, 'default.run/box'))).toEqual([]);
    expect(await survivors(step.box.directory)).toBe(0);
    expect((await other.run('cat log', { before: step.undisturbed.treeDigest })).stdout).toBe('one\ntwo\n');
  });
});

function resultOf(report: SandboxReport | null) {
  return report?.kind === 'result' ? report.result : report;
}

/** The directory of the epoch in which a job has said that it began. */
async function begun(directory: string): Promise<string> {
  return vi.waitFor(
    async () => {
      const epoch = newestEpoch(directory, aRef);
      await stat(join(epoch, 'work/begun'));
      return epoch;
    },
    { timeout: 20_000, interval: 20 },
  );
}

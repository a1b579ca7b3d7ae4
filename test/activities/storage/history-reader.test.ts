import { describe, expect, it } from 'vitest';
import { compress, decompress } from '../../../activities/storage/encoding.ts';
import { keys } from '../../../activities/storage/keys.ts';
import { extendHead, extendTrajectory, trajectoryRoot } from '../../../domain/record.ts';
import { digestManifest } from '../../../domain/manifest.ts';
import { aDigest, aManifest, anotherRunId, aRunId } from '../../support/facts.ts';
import { recordRun, textsOf } from '../../support/recorded-run.ts';
import { aDraft, openMemoryStorage, putRecord } from '../../support/store.ts';

const run = { tenant: 'default', runId: aRunId };
const turns = [
  { reply: 'r0', observations: ['o0', 'o1'] },
  { reply: 'r1', observations: ['o2'] },
  { reply: 'r2', stop: 'end' as const },
];

describe('reading a run', () => {
  it('its records: in order, with their texts and the trajectory chain', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { head, steps } = await recordRun(trajectory, aManifest(), turns);
    const read = await history.read(run, steps, head);
    expect(textsOf(read.steps)).toEqual(['r0', 'o0', 'o1', 'r1', 'o2', 'r2']);
    expect(read.trajectory).toBe(
      read.steps.reduce((chain, step) => extendTrajectory(chain, step.record), trajectoryRoot),
    );
    expect(read.manifest).toEqual(aManifest());
  });

  it('no record yet: the manifest is the head', async () => {
    const { trajectory, history } = openMemoryStorage();
    await trajectory.putManifest(aManifest());
    expect(await history.read(run, 0, digestManifest(aManifest()))).toMatchObject({
      steps: [],
      trajectory: trajectoryRoot,
    });
  });

  it('a turn later: only what is new is read from the store', async () => {
    const { trajectory, history, reads } = openMemoryStorage();
    const { heads, steps } = await recordRun(trajectory, aManifest(), turns);
    await history.read(run, 3, heads[3]!);
    reads.length = 0;
    const read = await history.read(run, steps, heads[steps]!);
    expect(read.steps).toHaveLength(steps);
    expect(reads.toSorted()).toEqual([3, 4, 5].map((seq) => keys.step(run, seq)));
  });

  it('fewer records than before: as they were then', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { heads, steps } = await recordRun(trajectory, aManifest(), turns);
    await history.read(run, steps, heads[steps]!);
    expect((await history.read(run, 2, heads[2]!)).steps).toHaveLength(2);
  });

  it('twice at once: both whole, nothing doubled', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { heads, steps } = await recordRun(trajectory, aManifest(), turns);
    await history.read(run, 1, heads[1]!);
    const both = await Promise.all([history.read(run, steps, heads[steps]!), history.read(run, 4, heads[4]!)]);
    expect(both.map((read) => read.steps.map((step) => step.record.seq))).toEqual([
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3],
    ]);
  });
});

describe('a run that is not as it was', () => {
  it('no manifest: Input.NoManifest, with the mend', async () => {
    const { history } = openMemoryStorage();
    await expect(history.read(run, 0, aDigest)).rejects.toMatchObject({
      type: 'Input.NoManifest',
      message: expect.stringContaining('Submit runs'),
    });
  });

  it('a record is missing: Storage.Missing, naming the slot', async () => {
    const { trajectory, history, objects } = openMemoryStorage();
    const { head, steps } = await recordRun(trajectory, aManifest(), turns);
    objects.objects.delete(keys.step(run, 2));
    await expect(history.read(run, steps, head)).rejects.toMatchObject({
      type: 'Storage.Missing',
      message: expect.stringContaining(`step 2 of run ${aRunId}`),
    });
  });

  it('another head than the workflow holds: Ledger.HeadMismatch', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { steps } = await recordRun(trajectory, aManifest(), turns);
    await expect(history.read(run, steps, aDigest)).rejects.toMatchObject({ type: 'Ledger.HeadMismatch' });
  });

  it('a record replaced by another whole one: found by the chain', async () => {
    const { trajectory, history, objects } = openMemoryStorage();
    const { head, steps } = await recordRun(trajectory, aManifest(), turns);
    objects.objects.delete(keys.step(run, 3));
    await trajectory.putStep({ ...run, seq: 3 }, aDraft('forged', { seq: 3 }));
    await expect(history.read(run, steps, head)).rejects.toMatchObject({ type: 'Ledger.HeadMismatch' });
  });

  it('a manifest replaced by another one: found by the chain', async () => {
    const { trajectory, history, objects } = openMemoryStorage();
    const { head, steps } = await recordRun(trajectory, aManifest(), turns);
    const key = keys.manifest(run);
    const text = decompress(objects.objects.get(key)!, key).toString();
    objects.objects.set(key, compress(text.replace('tallest', 'oldest')));
    await expect(history.read(run, steps, head)).rejects.toMatchObject({ type: 'Ledger.HeadMismatch' });
  });

  it('what the cache holds is wrong, the store is right: read again', async () => {
    const { trajectory, history, objects } = openMemoryStorage();
    const { head, steps, heads } = await recordRun(trajectory, aManifest(), turns);
    const whole = new Map(objects.objects);
    objects.objects.delete(keys.step(run, 1));
    const step = await putRecord(trajectory, { ...run, seq: 1 }, aDraft('forged', { seq: 1 }));
    const forgedHead = extendHead(heads[1]!, step.digest);
    await history.read(run, 2, forgedHead);
    for (const [key, bytes] of whole) objects.objects.set(key, bytes);
    expect(textsOf((await history.read(run, steps, head)).steps)).toEqual(['r0', 'o0', 'o1', 'r1', 'o2', 'r2']);
  });
});

describe('a text that was let go', () => {
  it('asked for: read again from the store', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { head, steps } = await recordRun(trajectory, aManifest(), turns);
    const read = await history.read(run, steps, head);
    read.steps[1]!.text = null;
    expect(await history.textOf(run, read.steps[1]!)).toBe('o0');
    expect(await history.textOf(run, read.steps[2]!)).toBe('o1');
  });

  it('and its record was replaced meanwhile: Storage.Corrupt, never used', async () => {
    const { trajectory, history, objects } = openMemoryStorage();
    const { head, steps } = await recordRun(trajectory, aManifest(), turns);
    const read = await history.read(run, steps, head);
    read.steps[1]!.text = null;
    objects.objects.delete(keys.step(run, 1));
    await trajectory.putStep({ ...run, seq: 1 }, aDraft('forged', { seq: 1 }));
    await expect(history.textOf(run, read.steps[1]!)).rejects.toMatchObject({ type: 'Storage.Corrupt' });
  });
});

describe('a fork', () => {
  it('its shared prefix: read from its parent, what follows from itself', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { heads: parentHeads } = await recordRun(trajectory, aManifest(), turns);
    const parent = { runId: aRunId, uptoSeq: 2, head: parentHeads[3]! };
    const manifest = { ...aManifest({ runId: anotherRunId }), parent };
    const fork = { tenant: 'default', runId: anotherRunId };
    await trajectory.putManifest(manifest);
    const step = await putRecord(trajectory, { ...fork, seq: 3 }, aDraft('own', { runId: anotherRunId, seq: 3 }));
    // The chain of a fork begins with its own manifest, which names the parent's chain up to the fork.
    const read = await history.read(fork, 4, extendHead(digestManifest(manifest), step.digest));
    expect(textsOf(read.steps)).toEqual(['r0', 'o0', 'o1', 'own']);
    read.steps[0]!.text = null;
    expect(await history.textOf(fork, read.steps[0]!)).toBe('r0');
  });

  it('a record of the prefix that was changed afterwards: does not fit the chain that the fork names', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { heads: parentHeads } = await recordRun(trajectory, aManifest(), turns);
    const parent = { runId: aRunId, uptoSeq: 2, head: parentHeads[2]! };
    const manifest = { ...aManifest({ runId: anotherRunId }), parent };
    await trajectory.putManifest(manifest);
    const fork = { tenant: 'default', runId: anotherRunId };
    await expect(history.read(fork, 3, digestManifest(manifest))).rejects.toMatchObject({
      type: 'Ledger.HeadMismatch',
    });
  });

  it('of a fork: both prefixes, each read from the run that holds it', async () => {
    const { trajectory, history } = openMemoryStorage();
    const { heads: first } = await recordRun(trajectory, aManifest(), turns);
    const child = { ...aManifest({ runId: anotherRunId }), parent: { runId: aRunId, uptoSeq: 2, head: first[3]! } };
    await trajectory.putManifest(child);
    const own = await putRecord(trajectory, { ...child, seq: 3 }, aDraft('own', { runId: anotherRunId, seq: 3 }));
    const head = extendHead(digestManifest(child), own.digest);
    const grandchild = {
      ...aManifest({ runId: '01J9ZX5T3QW8RN6Y7BCDEFGHJN' }),
      parent: { runId: anotherRunId, uptoSeq: 3, head },
    };
    await trajectory.putManifest(grandchild);
    const read = await history.read(grandchild, 4, digestManifest(grandchild));
    expect(textsOf(read.steps)).toEqual(['r0', 'o0', 'o1', 'own']);
    expect(await history.ownerOf(grandchild, 1)).toEqual(run);
    expect(await history.ownerOf(grandchild, 3)).toEqual({ tenant: 'default', runId: anotherRunId });
  });
});

import { describe, expect, it } from 'vitest';
import { compress, decompress } from '../../../activities/storage/encoding.ts';
import { keys } from '../../../activities/storage/keys.ts';
import { digestManifest } from '../../../domain/manifest.ts';
import { aManifest, anotherRunId, anOutcome, aRunId } from '../../support/facts.ts';
import { aDraft, openMemoryStorage, putRecord } from '../../support/store.ts';

const run = { tenant: 'default', runId: aRunId };
const slot = { ...run, seq: 0 };

type Memory = ReturnType<typeof openMemoryStorage>['objects'];

/** Changes a stored JSON object in place, keeping it openable. */
function tamper({ objects }: Memory, key: string, change: (text: string) => string): void {
  const bytes = objects.get(key);
  if (bytes === undefined) throw new Error(`no object ${key}`);
  const text = decompress(bytes, key).toString('utf8');
  const changed = change(text);
  if (changed === text) throw new Error('nothing was changed');
  objects.set(key, compress(changed));
}

describe('a record', () => {
  it('with small contents: one object, read back whole', async () => {
    const { trajectory, objects } = openMemoryStorage();
    const step = await putRecord(trajectory, slot, aDraft('a reply'));
    expect([...objects.objects.keys()]).toEqual([keys.step(slot, 0)]);
    expect(await trajectory.readStep(slot)).toEqual(step);
    expect(await trajectory.readText('default', step, 'reply')).toBe('a reply');
    expect(await trajectory.readText('default', step, 'page')).toBeNull();
  });

  it.each([
    ['32 KB', 'x'.repeat(32 * 1_024), 1],
    ['a byte more', 'x'.repeat(32 * 1_024 + 1), 2],
    ['few characters but many bytes', '灯'.repeat(11_000), 2],
  ])('with a content of %s: %# objects as its size says', async (_, text, count) => {
    const { trajectory, objects } = openMemoryStorage();
    const step = await putRecord(trajectory, slot, aDraft(text));
    expect(objects.objects.size).toBe(count);
    const read = await trajectory.readStep(slot);
    expect(read?.record).toEqual(step.record);
    expect(await trajectory.readText('default', read!, 'reply')).toBe(text);
  });

  it('with bytes: a blob, whatever its size', async () => {
    const { trajectory, objects, blobs } = openMemoryStorage();
    const step = await putRecord(trajectory, slot, {
      ...aDraft('r'),
      contents: { reply: 'r', raw: new Uint8Array([1, 2]) },
    });
    expect(objects.objects.size).toBe(2);
    const ref = step.record.contents.find((content) => content.name === 'raw');
    expect(ref?.bytes).toBe(2);
    expect([...(await blobs.get('default', ref!.digest))]).toEqual([1, 2]);
  });

  it('with half a character in a text: recorded and read', async () => {
    const { trajectory } = openMemoryStorage();
    const failure = { type: 'Tool.Failed', message: 'cut \ud83d' };
    await trajectory.putStep(slot, aDraft('\ud800', { failure, status: 'failed' }));
    expect((await trajectory.readStep(slot))?.record.failure).toEqual(failure);
  });

  it('put twice: the first stands, the second is told of it', async () => {
    const { trajectory } = openMemoryStorage();
    const step = await putRecord(trajectory, slot, aDraft('first'));
    const second = await trajectory.putStep(slot, aDraft('second'));
    expect(second).toEqual({ won: false, standing: { type: 'record', step } });
  });

  it('of twenty racing puts: one wins, all are given the same record', async () => {
    const { trajectory } = openMemoryStorage();
    const puts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => trajectory.putStep(slot, aDraft(`${index}`))),
    );
    expect(puts.filter((put) => put.won)).toHaveLength(1);
    const digests = puts.map((put) =>
      put.won ? put.step.digest : put.standing.type === 'record' ? put.standing.step.digest : null,
    );
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).not.toBeNull();
  });

  it('that is absent: null', async () => {
    expect(await openMemoryStorage().trajectory.readStep(slot)).toBeNull();
  });
});

describe('what was damaged', () => {
  const key = keys.step(slot, 0);

  it.each<[string, (objects: Memory) => void]>([
    ['a cut record', ({ objects }) => objects.set(key, objects.get(key)!.slice(0, -9))],
    ['a record of other bytes', ({ objects }) => objects.set(key, new Uint8Array(40))],
    ['a record that is no JSON', ({ objects }) => objects.set(key, compress('{'))],
    [
      'a record with another number in it',
      (objects) => tamper(objects, key, (text) => text.replace('"turn":1', '"turn":2')),
    ],
    [
      'a record with another text in it',
      (objects) => tamper(objects, key, (text) => text.replace('a reply', 'a liar!')),
    ],
    [
      'a record with a member more',
      (objects) => tamper(objects, key, (text) => text.replace('"turn":1', '"turn":1,"x":1')),
    ],
    [
      'a record of another version',
      (objects) => tamper(objects, key, (text) => text.replace('"schemaVersion":1', '"schemaVersion":9')),
    ],
  ])('%s: Storage.Corrupt, naming the object', async (_, damage) => {
    const { trajectory, objects } = openMemoryStorage();
    await trajectory.putStep(slot, aDraft('a reply'));
    damage(objects);
    await expect(trajectory.readStep(slot)).rejects.toMatchObject({
      type: 'Storage.Corrupt',
      message: expect.stringContaining(key),
    });
  });

  it.each([
    ['slot', { ...slot, seq: 1 }],
    ['run', { ...slot, runId: anotherRunId }],
  ])('a whole record under the key of another %s: Storage.Corrupt, naming it', async (_, other) => {
    const { trajectory, objects } = openMemoryStorage();
    await trajectory.putStep(slot, aDraft('a reply'));
    objects.objects.set(keys.step(other, other.seq), objects.objects.get(key)!);
    await expect(trajectory.readStep(other)).rejects.toMatchObject({
      type: 'Storage.Corrupt',
      message: expect.stringContaining('another slot'),
    });
  });

  it.each<[string, 'Storage.Corrupt' | 'Storage.Missing', (objects: Map<string, Uint8Array>, blob: string) => unknown]>(
    [
      ['gone', 'Storage.Missing', (objects, blob) => objects.delete(blob)],
      ['cut', 'Storage.Corrupt', (objects, blob) => objects.set(blob, objects.get(blob)!.slice(0, 20))],
      ['another content', 'Storage.Corrupt', (objects, blob) => objects.set(blob, compress('another'))],
    ],
  )('a blob that is %s: %s, naming its digest; the record can be read', async (_, type, damage) => {
    const { trajectory, objects } = openMemoryStorage();
    const step = await putRecord(trajectory, slot, aDraft('x'.repeat(40_000)));
    const { digest } = step.record.contents[0]!;
    damage(objects.objects, keys.blob('default', digest));
    const read = await trajectory.readStep(slot);
    await expect(trajectory.readText('default', read!, 'reply')).rejects.toMatchObject({
      type,
      message: expect.stringContaining(digest),
    });
  });

  it('a damaged blob, and its content is put again: healed', async () => {
    const { blobs, objects } = openMemoryStorage();
    const digest = await blobs.put('default', 'a text');
    objects.objects.set(keys.blob('default', digest), new Uint8Array(3));
    await blobs.put('default', 'a text');
    expect((await blobs.get('default', digest)).toString()).toBe('a text');
  });

  it('a damaged manifest: Storage.Corrupt, naming it', async () => {
    const { trajectory, objects } = openMemoryStorage();
    await trajectory.putManifest(aManifest());
    tamper(objects, keys.manifest(run), (text) => text.replace('"schemaVersion":1', '"schemaVersion":0'));
    await expect(trajectory.readManifest(run)).rejects.toMatchObject({
      type: 'Storage.Corrupt',
      message: expect.stringContaining('manifest'),
    });
  });
});

describe('a manifest', () => {
  it('put, and put again: the same digest, read back whole', async () => {
    const { trajectory } = openMemoryStorage();
    expect(await trajectory.putManifest(aManifest())).toBe(digestManifest(aManifest()));
    expect(await trajectory.putManifest(aManifest())).toBe(digestManifest(aManifest()));
    expect(await trajectory.readManifest(run)).toEqual(aManifest());
  });

  it('another one for the same run: refused, the first stands', async () => {
    const { trajectory } = openMemoryStorage();
    await trajectory.putManifest(aManifest());
    await expect(trajectory.putManifest(aManifest({ question: 'Another?' }))).rejects.toMatchObject({
      type: 'Input.Invalid',
    });
    expect((await trajectory.readManifest(run))?.question).toBe(aManifest().question);
  });

  it('of another tenant: not seen', async () => {
    const { trajectory } = openMemoryStorage();
    await trajectory.putManifest(aManifest());
    expect(await trajectory.readManifest({ ...run, tenant: 'other' })).toBeNull();
  });
});

describe('an outcome', () => {
  it('put: readable, and listed under the day on which it ended', async () => {
    const { trajectory, objects } = openMemoryStorage();
    await trajectory.putOutcome(anOutcome());
    expect(await trajectory.readOutcome(run)).toEqual(anOutcome());
    expect(objects.objects.has(keys.indexEntry(run, '2026-03-01'))).toBe(true);
  });

  it('put twice: the first stands and is given back', async () => {
    const { trajectory } = openMemoryStorage();
    await trajectory.putOutcome(anOutcome());
    expect(await trajectory.putOutcome(anOutcome({ outcome: 'failed', answer: null }))).toEqual(anOutcome());
  });
});

describe('the start record', () => {
  it('put twice: the first stands', async () => {
    const { trajectory } = openMemoryStorage();
    expect(await trajectory.readStart(run)).toBeNull();
    await trajectory.putStart(run, { firstExecutionId: 'a', workflowId: 'w' });
    await trajectory.putStart(run, { firstExecutionId: 'b', workflowId: 'w' });
    expect(await trajectory.readStart(run)).toEqual({ firstExecutionId: 'a', workflowId: 'w' });
  });
});

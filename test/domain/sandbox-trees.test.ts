import { describe, expect, it } from 'vitest';
import type { StepRecord } from '../../domain/record.ts';
import { sandboxTreesAfter } from '../../domain/sandbox-trees.ts';
import { aDigest } from '../support/facts.ts';

const used = (id: string, treeDigest: string | null): Pick<StepRecord, 'tool'> => ({
  tool: { server: 's', tool: 't', modelSeq: 0, callIndex: 0, source: null, sandbox: { id, treeDigest } },
});
const unused: Pick<StepRecord, 'tool'> = {
  tool: { server: 's', tool: 't', modelSeq: 0, callIndex: 0, source: null, sandbox: null },
};

describe('the sandboxes of a run', () => {
  it('by its records: each has the files of the last step that used it, the others have no part', () => {
    const trees = sandboxTreesAfter([
      used('a', null),
      { tool: null },
      used('b', null),
      used('a', aDigest),
      unused,
      used('b', 'later'),
      used('a', 'last'),
    ]);
    expect([...trees]).toEqual([
      ['a', 'last'],
      ['b', 'later'],
    ]);
  });

  it('in two parts: the same as at once, and the first part is left as it was', () => {
    const records = [used('a', null), used('a', aDigest), used('b', null)];
    const first = sandboxTreesAfter(records.slice(0, 1));
    expect(sandboxTreesAfter(records.slice(1), first)).toEqual(sandboxTreesAfter(records));
    expect([...first]).toEqual([['a', null]]);
  });

  it('files all removed: a sandbox without files, not no sandbox', () => {
    const trees = sandboxTreesAfter([used('a', aDigest), used('a', null)]);
    expect([trees.has('a'), trees.get('a'), trees.has('b')]).toEqual([true, null, false]);
  });
});

import type { StepRecord } from './record.ts';

/** The sandboxes of a run by id, each with the digest of its files as the newest record has them; null for no files. */
export type SandboxTrees = ReadonlyMap<string, string | null>;

/**
 * What the sandboxes of a run hold after these records, given in order; `before` has what held before the first of them.
 *
 * *Contract:* a sandbox exists from the step that created it. A step that failed, was skipped or closed changed no files: whatever
 * it did before it failed is rolled back.
 */
export function sandboxTreesAfter(
  records: readonly Pick<StepRecord, 'tool'>[],
  before: SandboxTrees = new Map(),
): SandboxTrees {
  const trees = new Map(before);
  for (const { tool } of records) if (tool?.sandbox) trees.set(tool.sandbox.id, tool.sandbox.treeDigest);
  return trees;
}

import { AppError } from '../../../domain/errors.ts';
import type { ToolContext, ToolResult } from '../../steps/tool-step.ts';
import type { ArtifactStore } from '../artifacts.ts';
import type { SandboxJob, SandboxPort, SandboxRef, SandboxResult } from '../ports.ts';
import type { TreeHistory } from '../tree-history.ts';
import type { TreeBounds } from '../tree/tree-safety.ts';
import type { TreeStore } from '../tree/tree-store.ts';
import type { IncomingFiles } from './task-files.ts';

/** What the sandbox tools are made of. */
export interface SandboxToolParts {
  readonly sandbox: SandboxPort;
  readonly trees: TreeStore;
  readonly bounds: TreeBounds;
  readonly artifacts: ArtifactStore;
  readonly incoming: IncomingFiles;
  readonly history: TreeHistory;
}

/** A sandbox of the run, with the files that it holds before this step; null for no files. */
export interface KnownSandbox {
  readonly ref: SandboxRef;
  readonly before: string | null;
}

/** The sandbox of this id in the run, by its records. @throws AppError `Tool.BadArguments` that says how one is made */
export async function requireSandbox(
  { history }: SandboxToolParts,
  context: ToolContext,
  sandboxId: string,
): Promise<KnownSandbox> {
  const before = (await history.before(context)).get(sandboxId);
  if (before !== undefined) return { ref: { tenant: context.tenant, runId: context.runId, sandboxId }, before };
  throw new AppError('Tool.BadArguments', {
    field: 'sandbox_id',
    what: `there is no sandbox ${JSON.stringify(sandboxId.slice(0, 64))} in this run`,
    mend: 'Call create_sandbox first and use the sandbox_id that it returns.',
  });
}

/** Runs a job in a sandbox of the run. */
export async function runIn(
  { sandbox }: SandboxToolParts,
  context: ToolContext,
  { ref, before, ...job }: KnownSandbox & Omit<SandboxJob, 'before'>,
): Promise<SandboxResult> {
  const { signal, around } = context;
  return sandbox.run(ref, { ...job, before }, { signal, reportWaiting: around.reportWaiting });
}

/** What the step leaves in its record of the sandbox. */
export function toSandboxFacts(
  { ref }: Pick<KnownSandbox, 'ref'>,
  treeDigest: string | null,
): NonNullable<ToolResult['sandbox']> {
  return { id: ref.sandboxId, treeDigest };
}

import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PartGuard, startPartGuard } from '../../infra/dev/stack/part-guard.ts';

/** What every bench is given. */
export interface BenchContext {
  /** A folder of its own, removed at the end. */
  readonly directory: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Takes a line of progress for a person. */
  readonly report: (line: string) => void;
  /** Ends every process that is left when this one dies. */
  readonly guard: PartGuard;
  /** Folder for CPU profiles of the processes under test; null when none are wanted. */
  readonly profileDirectory: string | null;
}

/** A context, and what ends it: the folder goes away whatever happens. */
export async function openBenchContext(options: {
  readonly signal: AbortSignal;
  readonly profileDirectory: string | null;
}): Promise<{ readonly context: BenchContext; readonly close: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-bench-'));
  // Sandboxes run under a user id of their own, which must be able to reach its workspace.
  await chmod(directory, 0o755);
  const guard = startPartGuard();
  const startedAt = performance.now();
  const report = (line: string): void => {
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6);
    process.stderr.write(`${seconds} s  ${line}\n`);
  };
  return {
    context: { directory, report, guard, ...options },
    close: async () => {
      guard.dismiss();
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

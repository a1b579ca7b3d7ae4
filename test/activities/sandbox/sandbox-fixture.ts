import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createBubblewrapSandbox,
  type BubblewrapOptions,
  type BubblewrapSandbox,
} from '../../../activities/sandbox/adapters/bubblewrap.ts';
import { findBoxProcesses } from '../../../activities/sandbox/adapters/sandbox-processes.ts';
import { toOwner } from '../../../activities/sandbox/adapters/sandbox-removal.ts';
import type { SandboxJob, SandboxRef, SandboxResult } from '../../../activities/sandbox/ports.ts';

/** Whether the tests run as root: then each sandbox has a uid of its own. */
export const isRoot = process.getuid?.() === 0;

/** A real driver on a directory of its own, and what a test asks of it again and again. */
export interface SandboxFixture {
  readonly sandbox: BubblewrapSandbox;
  readonly directory: string;
  readonly ref: SandboxRef;
  /** Runs a job in `ref`; the next slot when `seq` is absent. */
  readonly run: (source: string, job?: Partial<SandboxJob>, signal?: AbortSignal) => Promise<SandboxResult>;
  readonly python: (source: string, job?: Partial<SandboxJob>) => Promise<SandboxResult>;
  readonly path: (...names: string[]) => string;
  /** Host processes that belong to `ref`. */
  readonly processes: () => Promise<number[]>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** Makes one, with sandbox `box` of run `run` ready. */
export async function aSandbox(options: Partial<BubblewrapOptions> = {}): Promise<SandboxFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-sandbox-'));
  const sandbox = createBubblewrapSandbox({ directory, ...options });
  const ref = { runId: 'run', sandboxId: 'box' };
  await sandbox.create(ref);
  const path = (...names: string[]): string => join(directory, ref.runId, ref.sandboxId, ...names);
  const uid = await readFile(path('uid'), 'utf8');
  const owner = toOwner(ref, uid === '' ? null : Number(uid));
  let nextSeq = 0;
  const run: SandboxFixture['run'] = async (source, job, signal = new AbortController().signal) =>
    sandbox.run(ref, { kind: 'shell', source, timeoutMs: 60_000, seq: nextSeq++, ...job }, signal);
  return {
    sandbox,
    directory,
    ref,
    path,
    run,
    python: async (source, job) => run(source, { kind: 'python', ...job }),
    processes: async () => findBoxProcesses(owner),
    [Symbol.asyncDispose]: async () => {
      for (const runId of await sandbox.listRuns()) await sandbox.destroy(runId);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

import { chmod, chown, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import { runHostCommand } from './host-command.ts';
import type { SandboxLimits } from './sandbox-limits.ts';

/**
 * The files of one sandbox on the host: `work` (bound into the box), `before-<seq>` (the workspace as it was before the
 * job of that slot) and `job` (what is to run).
 *
 * *Contract:* callers hold the sandbox alone and no process of it lives, so nothing changes under the copying. Links are
 * copied as links and never followed.
 */
export interface Workspace {
  readonly workPath: string;
  /** Makes the workspace ready for the job of slot `seq`: copied aside the first time, put back every other time. */
  readonly prepare: (seq: number, signal: AbortSignal) => Promise<void>;
  /** Puts the workspace back to what it was before the job of slot `seq`. */
  readonly restore: (seq: number, signal?: AbortSignal) => Promise<void>;
  readonly writeSource: (source: string) => Promise<string>;
  /** A directory for this job's own files, emptied. */
  readonly clearJob: () => Promise<string>;
  /** The rule that the workspace breaks, or null. */
  readonly brokenQuota: (limits: SandboxLimits) => Promise<string | null>;
}

/** Opens the files of the sandbox in `path`, which exists. */
export function openWorkspace(path: string): Workspace {
  const workPath = join(path, 'work');
  const jobPath = join(path, 'job');
  const beforePath = (seq: number): string => join(path, `before-${seq}`);

  const restore = async (seq: number, signal?: AbortSignal): Promise<void> => {
    const [fresh, old] = [join(path, 'work.new'), join(path, 'work.old')];
    await copyTree({ from: beforePath(seq), to: fresh, signal });
    await removeTree(old);
    if (await isThere(workPath)) await rename(workPath, old);
    await rename(fresh, workPath);
    await removeTree(old);
  };

  const copyAside = async (seq: number, signal: AbortSignal): Promise<void> => {
    const partial = join(path, 'before.new');
    await copyTree({ from: workPath, to: partial, signal });
    await rename(partial, beforePath(seq));
  };

  return {
    workPath,
    restore,
    prepare: async (seq, signal) => {
      const kept = await listBefore(path);
      const newest = kept.at(-1);
      // A crash between two renames of a restore left no workspace: what it was restored from is still there.
      if (!(await isThere(workPath)) && newest !== undefined) await restore(newest, signal);
      if (kept.includes(seq)) await restore(seq, signal);
      else await copyAside(seq, signal);
      // A job may have closed its own home, in which no box could start again.
      await chmod(workPath, 0o700);
      for (const older of kept.filter((other) => other < seq)) await removeTree(beforePath(older));
    },
    clearJob: async () => {
      await rm(jobPath, { recursive: true, force: true });
      await mkdir(jobPath, { mode: 0o711 });
      await chmod(jobPath, 0o711);
      return jobPath;
    },
    writeSource: async (source) => {
      const sourcePath = join(jobPath, 'main');
      await writeFile(sourcePath, source, { mode: 0o444, flag: 'wx' });
      await chmod(sourcePath, 0o444);
      return sourcePath;
    },
    brokenQuota: async (limits) => describeExcess(await measure(workPath), limits),
  };
}

/** Makes an empty sandbox in `path`; its workspace belongs to `uid`, or to the worker when that is null. */
export async function layOutSandbox(path: string, uid: number | null): Promise<void> {
  await mkdir(join(path, 'work'), { recursive: true });
  // Explicit, because mkdir's modes go through the umask. Others may pass through the sandbox, not look into it.
  await chmod(path, 0o711);
  await chmod(join(path, 'work'), 0o700);
  await writeFile(join(path, 'uid'), String(uid ?? ''), { mode: 0o600 });
  if (uid !== null) await chown(join(path, 'work'), uid, uid);
}

/** Removes a tree, however deep and whatever its modes; links are removed, never followed. Idempotent. */
export async function removeTree(path: string): Promise<void> {
  if (!(await isThere(path))) return;
  await openingOnRefusal(path, async () => runHostCommand(['/bin/rm', '-rf', '--', path]));
}

/** Without root, what the job closed to its own uid must be opened before a tool can go through it. */
async function openingOnRefusal(path: string, task: () => Promise<unknown>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (process.getuid?.() === 0 || !(error instanceof AppError) || error.type !== 'Sandbox.Unavailable') throw error;
    await runHostCommand(['/bin/chmod', '-R', 'u+rwX', '--', path]);
    await task();
  }
}

/** Is there anything of this name? A dangling link counts. */
export async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function copyTree(copy: { from: string; to: string; signal: AbortSignal | undefined }): Promise<void> {
  try {
    const command = ['/bin/cp', '-a', '--reflink=auto', '--no-target-directory', '--', copy.from, copy.to];
    await openingOnRefusal(copy.from, async () => {
      // A crash, or the try before, may have left a part.
      await removeTree(copy.to);
      await runHostCommand(command, copy.signal);
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.type !== 'Sandbox.Unavailable') throw error;
    throw new AppError('Tool.Failed', {
      what: `the workspace cannot be copied aside (${error.facts.what.slice(0, 200)})`,
      mend: 'Create a new sandbox.',
      cause: error,
    });
  }
}

/** Slots that have a copy, in order. */
async function listBefore(path: string): Promise<number[]> {
  const slots = (await readdir(path))
    .map((name) => /^before-([0-9]+)$/.exec(name)?.[1])
    .filter((slot) => slot !== undefined);
  return slots.map(Number).toSorted((left, right) => left - right);
}

interface Measure {
  readonly bytes: number;
  readonly files: number;
}

// du complains about files that vanish while it counts, and prints its count all the same.
const count = `exec 2>/dev/null
/usr/bin/du -s -x --block-size=1 -- "$1"
/usr/bin/du -s -x --inodes -- "$1"
exit 0`;

async function measure(path: string): Promise<Measure> {
  const lines = (await runHostCommand(['/bin/sh', '-c', count, 'count', path])).split('\n');
  const [bytes = Number.NaN, files = Number.NaN] = lines.map((line) => Number.parseInt(line, 10));
  return { bytes, files };
}

function describeExcess({ bytes, files }: Measure, limits: SandboxLimits): string | null {
  if (bytes > limits.workspaceBytes) return `the workspace holds ${bytes} bytes, its limit is ${limits.workspaceBytes}`;
  if (files > limits.workspaceFiles) return `the workspace holds ${files} files, its limit is ${limits.workspaceFiles}`;
  return null;
}

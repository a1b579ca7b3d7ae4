import { chmod, mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { AppError } from '../../../domain/errors.ts';
import type { SandboxJob, SandboxPort, SandboxRef, SandboxResult } from '../ports.ts';
import { runBox, type BoxEnd } from './box-process.ts';
import { toBoxCommand } from './bubblewrap-arguments.ts';
import { checkHost, describeHost, idPattern, type Host, type SandboxDescription } from './bubblewrap-host.ts';
import { toHostError } from './host-command.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { defaultSandboxLimits, type SandboxLimits } from './sandbox-limits.ts';
import { killBox } from './sandbox-processes.ts';
import { destroyRun, listRuns, toOwner } from './sandbox-removal.ts';
import { createUidPool, minSandboxUid, toDefaultUidRange, type UidRange } from './sandbox-uids.ts';
import { isThere, layOutSandbox, openWorkspace } from './sandbox-workspace.ts';

/** Options of {@link createBubblewrapSandbox}. */
export interface BubblewrapOptions {
  /** Where the sandboxes of this host live. Every directory above must let others pass (`o+x`) when the worker is root. */
  readonly directory: string;
  /** The `bwrap` program; `/usr/bin/bwrap` when absent. */
  readonly bwrapPath?: string;
  readonly limits?: Partial<SandboxLimits>;
  /** Host uids for sandboxes, for this directory alone; follows from the directory when absent. Used by root workers only. */
  readonly uidRange?: UidRange;
}

/** A {@link SandboxPort} that can say how strong it is. */
export interface BubblewrapSandbox extends SandboxPort {
  readonly describe: () => SandboxDescription;
  /** @throws AppError `Config.Invalid` naming the program or directory that is missing or closed, with the mend. */
  readonly checkHost: () => Promise<void>;
}

/**
 * A sandbox made of Linux namespaces by bubblewrap: no network, no host files, no environment, no way up.
 *
 * *Contract:* see {@link SandboxPort}. Jobs of one sandbox run one after the other. An abort kills the job and throws the
 * signal's reason. A job whose workspace ends above its quota has its files put back and a note on stderr.
 */
export function createBubblewrapSandbox(options: BubblewrapOptions): BubblewrapSandbox {
  const directory = resolve(options.directory);
  const isRoot = process.getuid?.() === 0;
  const host: Host = {
    directory,
    bwrapPath: options.bwrapPath ?? '/usr/bin/bwrap',
    limits: { ...defaultSandboxLimits, ...options.limits },
    uids: isRoot ? createUidPool(join(directory, '.uids'), options.uidRange ?? toDefaultUidRange(directory)) : null,
  };
  const inTurn = createKeyedLock();
  return {
    create: async (ref) => {
      const path = toPath(host, ref);
      // Not beside a removal of the same run, which would give away the uid that is being claimed.
      await inTurn(ref.runId, async () => ((await isThere(path)) ? undefined : createSandbox(host, ref)));
    },
    exists: async (ref) => isThere(toPath(host, ref)),
    run: async (ref, job, signal) => {
      const path = toPath(host, ref);
      return inTurn(path, async () => runJob(host, { ref, path, job, signal }));
    },
    destroy: async (runId) => {
      checkId('runId', runId);
      await inTurn(runId, async () => destroyRun(host, runId));
    },
    listRuns: async () => listRuns(host),
    describe: () => describeHost(host),
    checkHost: async () => checkHost(host),
  };
}

function toPath(host: Host, ref: SandboxRef): string {
  return join(host.directory, checkId('runId', ref.runId), checkId('sandboxId', ref.sandboxId));
}

function checkId(field: string, id: string): string {
  if (idPattern.test(id)) return id;
  throw new AppError('Input.Invalid', { what: `${field} must match ${idPattern.source}`, field });
}

async function createSandbox(host: Host, ref: SandboxRef): Promise<void> {
  await checkHost(host);
  const path = toPath(host, ref);
  const runPath = dirname(path);
  try {
    await mkdir(runPath, { recursive: true });
    await chmod(runPath, 0o711);
    const uid = (await host.uids?.claim(`${ref.runId}/${ref.sandboxId}`)) ?? null;
    const fresh = join(runPath, `.new-${randomBytes(6).toString('hex')}`);
    await layOutSandbox(fresh, uid);
    // Another process that was faster keeps its own: what is left here goes with the run.
    await rename(fresh, path).catch(async (error: unknown) => {
      if (!(await isThere(path))) throw error;
    });
  } catch (error) {
    throw toHostError('creating a sandbox', error);
  }
}

interface JobRun {
  readonly ref: SandboxRef;
  readonly path: string;
  readonly job: SandboxJob;
  readonly signal: AbortSignal;
}

async function runJob(host: Host, run: JobRun): Promise<SandboxResult> {
  checkJob(run.job);
  run.signal.throwIfAborted();
  if (!(await isThere(run.path))) throw missing(run.ref);
  await checkHost(host);
  try {
    return await runInWorkspace(host, run);
  } catch (error) {
    run.signal.throwIfAborted();
    throw (await isThere(run.path)) ? toHostError('running in the sandbox', error) : missing(run.ref);
  }
}

async function runInWorkspace(host: Host, { ref, path, job, signal }: JobRun): Promise<SandboxResult> {
  const uid = await readUid(host, path);
  const owner = toOwner(ref, uid);
  const killAll = async (): Promise<void> => killBox(owner);
  const workspace = openWorkspace(path);
  // What a dead worker left running must not change files under the copying.
  await killAll();
  await workspace.prepare(job.seq, signal);
  const jobPath = await workspace.clearJob();
  const command = toBoxCommand({
    bwrapPath: host.bwrapPath,
    limits: host.limits,
    kind: job.kind,
    uid,
    workPath: workspace.workPath,
    sourcePath: await workspace.writeSource(job.source),
    etcPath: join(host.directory, '.etc'),
    cpuSeconds: Math.ceil(job.timeoutMs / 1000) + 1,
  });
  const end = await runBox({
    command,
    jobPath,
    uid,
    signal,
    killAll,
    timeoutMs: job.timeoutMs,
    outputCodePoints: host.limits.outputCodePoints,
    watch: async () => workspace.brokenQuota(host.limits),
  });
  if (!(await isThere(path))) throw missing(ref);
  if (end.cut === 'aborted') signal.throwIfAborted();
  if (end.cut === null && end.exitCode === null) throw notBegun(end);
  const broken = end.reason ?? (await workspace.brokenQuota(host.limits));
  if (broken !== null) await workspace.restore(job.seq, signal);
  return toResult(end, broken);
}

function toResult(end: BoxEnd, broken: string | null): SandboxResult {
  const note = broken === null ? '' : `${broken}: the files were put back to what they were before this step\n`;
  return {
    exitCode: end.exitCode,
    stdout: end.stdout,
    stderr: note === '' || end.stderr === '' ? end.stderr + note : `${end.stderr}\n${note}`,
    timedOut: end.cut === 'timeout',
  };
}

function checkJob({ seq, timeoutMs }: SandboxJob): void {
  if (!Number.isSafeInteger(seq) || seq < 0) {
    throw new AppError('Input.Invalid', { what: 'seq must be a whole number from 0', field: 'seq' });
  }
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 86_400_000) {
    throw new AppError('Input.Invalid', { what: 'timeoutMs must be between 1 and 86400000', field: 'timeoutMs' });
  }
}

function missing({ runId, sandboxId }: SandboxRef): AppError {
  return new AppError('Input.NotFound', {
    what: `sandbox ${sandboxId} of run ${runId} does not exist`,
    mend: 'Create it.',
  });
}

/** Bubblewrap could not build the box, or the box was killed from outside: nothing is known, the slot can run again. */
function notBegun(end: BoxEnd): AppError {
  const firstLine = end.stderr.split('\n', 1)[0]?.slice(0, 300) ?? '';
  return new AppError('Sandbox.Unavailable', {
    what: `the box ended before its job did (${firstLine || 'no message'})`,
  });
}

/** The uid that the sandbox was made with; a box never starts with the uid of a root worker. */
async function readUid(host: Host, path: string): Promise<number | null> {
  const text = await readFile(join(path, 'uid'), 'utf8');
  if (host.uids === null && text === '') return null;
  if (host.uids !== null && /^[0-9]+$/.test(text) && Number(text) >= minSandboxUid) return Number(text);
  throw new AppError('Sandbox.Unsafe', {
    what: `the sandbox in ${path} has no uid that this worker may give it`,
    mend: 'Destroy it: it was made by a worker with another user, or its uid file was changed.',
  });
}

import { chmod, mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { AppError } from '../../../domain/errors.ts';
import type { SandboxJob, SandboxPort, SandboxRef, SandboxResult } from '../ports.ts';
import { runBox, type BoxEnd } from './box-process.ts';
import { boxEtcFiles, toBoxCommand } from './bubblewrap-arguments.ts';
import { toHostError } from './host-command.ts';
import { createKeyedLock } from './keyed-lock.ts';
import { defaultSandboxLimits, type SandboxLimits } from './sandbox-limits.ts';
import { killBox, type BoxOwner } from './sandbox-processes.ts';
import { createUidPool, defaultUidRange, type UidPool, type UidRange } from './sandbox-uids.ts';
import { isThere, layOutSandbox, openWorkspace, removeTree } from './sandbox-workspace.ts';

/** Options of {@link createBubblewrapSandbox}. */
export interface BubblewrapOptions {
  /** Where the sandboxes of this host live. Every directory above must let others pass (`o+x`) when the worker is root. */
  readonly directory: string;
  /** The `bwrap` program; `/usr/bin/bwrap` when absent. */
  readonly bwrapPath?: string;
  readonly limits?: Partial<SandboxLimits>;
  /** Host uids for sandboxes; used only when the worker is root. */
  readonly uidRange?: UidRange;
}

/** What this driver holds, and what it does not, on this host. */
export interface SandboxDescription {
  readonly driver: 'bubblewrap';
  readonly directory: string;
  /** `own`: each sandbox has a uid of its own. `shared`: all have the worker's. */
  readonly uid: 'own' | 'shared';
  readonly limits: SandboxLimits;
  /** Sentences on what is weaker than it could be, for `doctor` and the log. */
  readonly weaker: readonly string[];
}

/** A {@link SandboxPort} that can say how strong it is. */
export interface BubblewrapSandbox extends SandboxPort {
  readonly describe: () => SandboxDescription;
  /** @throws AppError `Config.Invalid` naming the program or directory that is missing or closed, with the mend. */
  readonly checkHost: () => Promise<void>;
}

interface Host {
  readonly directory: string;
  readonly bwrapPath: string;
  readonly limits: SandboxLimits;
  /** Null when the worker is not root: its sandboxes share its uid. */
  readonly uids: UidPool | null;
}

const idPattern = /^[A-Za-z0-9_-]{1,128}$/;

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
    uids: isRoot ? createUidPool(join(directory, '.uids'), options.uidRange ?? defaultUidRange) : null,
  };
  const inTurn = createKeyedLock();
  return {
    create: async (ref) => {
      const path = toPath(host, ref);
      await inTurn(path, async () => ((await isThere(path)) ? undefined : createSandbox(host, ref)));
    },
    exists: async (ref) => isThere(toPath(host, ref)),
    run: async (ref, job, signal) => {
      const path = toPath(host, ref);
      return inTurn(path, async () => runJob(host, { ref, path, job, signal }));
    },
    destroy: async (runId) => destroyRun(host, checkId('runId', runId)),
    listRuns: async () => listRuns(host),
    describe: () => describe(host),
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
  const uid = await readUid(path);
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

async function readUid(path: string): Promise<number | null> {
  const text = await readFile(join(path, 'uid'), 'utf8');
  return text === '' ? null : Number(text);
}

function toOwner({ runId, sandboxId }: SandboxRef, uid: number | null): BoxOwner {
  return uid === null ? { kind: 'mount', suffix: `/${runId}/${sandboxId}/work` } : { kind: 'uid', uid };
}

async function destroyRun(host: Host, runId: string): Promise<void> {
  const runPath = join(host.directory, runId);
  const trash = join(host.directory, '.trash');
  try {
    const sandboxIds = (await readdir(runPath).catch(() => [])).filter((name) => idPattern.test(name));
    const uids = (await host.uids?.ownedBy(runId)) ?? [];
    const shared = host.uids === null ? sandboxIds.map((sandboxId) => toOwner({ runId, sandboxId }, null)) : [];
    const owners = [...uids.map((uid): BoxOwner => ({ kind: 'uid', uid })), ...shared];
    await Promise.all(owners.map(killBox));
    await mkdir(trash, { recursive: true, mode: 0o700 });
    // Out of sight in one step; then what began in between is killed as well.
    if (await isThere(runPath)) await rename(runPath, join(trash, `${runId}.${randomBytes(6).toString('hex')}`));
    await Promise.all(owners.map(killBox));
    const left = (await readdir(trash)).filter((name) => name.startsWith(`${runId}.`));
    await Promise.all(left.map(async (name) => removeTree(join(trash, name))));
    await Promise.all(uids.map(async (uid) => host.uids?.release(uid)));
  } catch (error) {
    throw toHostError('destroying a sandbox', error);
  }
}

/** Runs that a crash left half destroyed or half created are listed too, so that the reaper finishes them. */
async function listRuns(host: Host): Promise<string[]> {
  const present = (await readdir(host.directory).catch(() => [])).filter((name) => idPattern.test(name));
  const trashed = (await readdir(join(host.directory, '.trash')).catch(() => [])).map(
    (name) => name.split('.', 1)[0] ?? '',
  );
  const claimed = ((await host.uids?.owners()) ?? []).map((owner) => owner.split('/', 1)[0] ?? '');
  return [...new Set([...present, ...trashed, ...claimed])].filter((name) => idPattern.test(name)).toSorted();
}

function describe(host: Host): SandboxDescription {
  const always = [
    'no seccomp filter: system calls are bounded by namespaces and capabilities only',
    'no cgroup: memory is bounded for each process, not for the box',
  ];
  const shared =
    'the worker is not root: sandboxes share its uid on the host, so only namespaces keep them from its files and processes';
  return {
    driver: 'bubblewrap',
    directory: host.directory,
    uid: host.uids === null ? 'shared' : 'own',
    limits: host.limits,
    weaker: host.uids === null ? [shared, ...always] : always,
  };
}

const hostPrograms = [
  '/usr/bin/setpriv',
  '/usr/bin/prlimit',
  '/usr/bin/python3',
  '/usr/bin/mkfifo',
  '/bin/bash',
  '/bin/cp',
];

async function checkHost(host: Host): Promise<void> {
  if (!(await isThere(host.bwrapPath))) {
    throw new AppError('Config.Invalid', {
      what: `bubblewrap is missing (${host.bwrapPath})`,
      mend: 'Run: apt-get install -y bubblewrap',
    });
  }
  for (const program of hostPrograms) {
    if (await isThere(program)) continue;
    throw new AppError('Config.Invalid', {
      what: `${program} is missing`,
      mend: 'Run: apt-get install -y util-linux coreutils bash python3-minimal',
    });
  }
  await prepareDirectory(host);
}

async function prepareDirectory(host: Host): Promise<void> {
  const etcPath = join(host.directory, '.etc');
  await mkdir(etcPath, { recursive: true });
  await chmod(host.directory, 0o711);
  await chmod(etcPath, 0o755);
  for (const [name, text] of Object.entries(boxEtcFiles)) {
    const path = join(etcPath, name);
    if (await isThere(path)) continue;
    const fresh = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(fresh, text, { mode: 0o444 });
    await chmod(fresh, 0o444);
    await rename(fresh, path);
  }
  if (host.uids !== null) await checkPassable(host.directory);
}

/** A sandbox's uid must be able to walk to its workspace. */
async function checkPassable(directory: string): Promise<void> {
  for (let path = directory; path !== dirname(path); path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) !== 0) continue;
    throw new AppError('Config.Invalid', {
      what: `the sandbox directory ${directory} cannot be reached by the sandboxes' own uids: ${path} is closed to others`,
      mend: `Choose another directory, such as /var/lib/longhaul/sandbox, or run: chmod o+x ${path}`,
      field: 'directory',
    });
  }
}

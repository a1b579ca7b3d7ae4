import { chmod, chown, mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import type { BlobReader, BlobWriter, Capture, JobEnd, KnownTree, Workspace } from '../driver.ts';
import type { SandboxJob } from '../ports.ts';
import type { StoredTree } from '../tree/tree-store.ts';
import type { BoxEnd } from './box-process.ts';
import { type BoxPlace, runInBox } from './box-run.ts';
import { type Host, toBounds } from './sandbox-host.ts';
import { endRest, isNewest, putToRest } from './epochs.ts';
import { toHostError } from './host-command.ts';
import { isThere, removeTree } from './host-files.ts';
import { takeReport } from './python-report.ts';
import { captureTree } from './tree-capture.ts';
import { type LinkEntry, restoreTree } from './tree-restore.ts';
import { verifyTree } from './tree-verify.ts';

/** Time for making a snapshot's links. */
const linksTimeoutMs = 60_000;

/** Longest job: a day. */
const maxTimeoutMs = 86_400_000;

/** The directory of an epoch among those of its sandbox. */
export interface Standing {
  readonly place: BoxPlace;
  readonly sandboxPath: string;
  readonly name: string;
}

/** An empty workspace, whatever stood there. */
export async function layOut({ path, workPath, uid }: BoxPlace): Promise<void> {
  await chmod(path, 0o711);
  await removeTree(workPath);
  await mkdir(workPath, { mode: 0o700 });
  await chmod(workPath, 0o700);
  if (uid !== null) await chown(workPath, uid, uid);
}

/** The workspace in a directory that {@link layOut} made, or that was taken over. */
export function createWorkspace(host: Host, { place, sandboxPath, name }: Standing): Workspace {
  const { path, workPath } = place;
  const guarded = async <Value>(doing: string, task: () => Promise<Value>): Promise<Value> => {
    try {
      return await task();
    } catch (error) {
      throw (await isThere(path)) ? toHostError(doing, error) : fenced(name);
    }
  };
  return {
    claim: async () => (await isNewest(sandboxPath, name)) && (await endRest(path)),
    rest: async (digest) => guarded('putting a sandbox to rest', async () => putToRest(path, digest)),
    verify: async (known, scrutiny) =>
      guarded('looking at a workspace', async () => verifyTree({ root: workPath, known, scrutiny })),
    capture: async (known, files) => guarded('reading a workspace', async () => capture(host, place, { known, files })),
    restore: async (tree, files) => {
      try {
        await guarded('restoring a workspace', async () => restore(host, place, { tree, files }));
      } catch (error) {
        files.signal.throwIfAborted();
        throw error;
      }
    },
    run: async (job, signal) => {
      try {
        return await guarded('running in a sandbox', async () => runJob(host, place, { job, signal }));
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    },
  };
}

function fenced(name: string): AppError {
  return new AppError('Ledger.Fenced', { what: `the directory of epoch ${name} of a sandbox was taken away` });
}

async function capture(
  host: Host,
  { path, workPath }: BoxPlace,
  { known, files }: { readonly known: KnownTree; readonly files: BlobWriter },
): Promise<Capture> {
  const trash = join(path, 'trash');
  await mkdir(trash, { mode: 0o700 });
  try {
    return await captureTree({ root: workPath, trash, known, bounds: toBounds(host.limits), putBlob: files.putBlob });
  } finally {
    // Empty nearly always.
    await rmdir(trash).catch(async () => removeTree(trash));
  }
}

async function restore(
  host: Host,
  place: BoxPlace,
  { tree, files }: { readonly tree: StoredTree; readonly files: BlobReader },
): Promise<void> {
  await layOut(place);
  const makeLinks = async (links: readonly LinkEntry[]): Promise<void> => {
    const source = Buffer.from(links.flatMap(({ path, target }) => [path, '\0', target, '\0']).join(''), 'latin1');
    const task = { program: 'links', source, timeoutMs: linksTimeoutMs, signal: files.signal } as const;
    const end = await runInBox(host, place, task);
    if (end.exitCode !== 0) throw notBegun(end);
  };
  await restoreTree({ root: place.workPath, uid: place.uid, tree, getBlob: files.getBlob, makeLinks });
}

async function runJob(
  host: Host,
  place: BoxPlace,
  { job, signal }: { readonly job: SandboxJob; readonly signal: AbortSignal },
): Promise<JobEnd> {
  checkTimeout(job);
  const { kind: program, source, attachment, timeoutMs } = job;
  const end = await runInBox(host, place, { program, source, attachment, timeoutMs, signal });
  if (end.cut === 'aborted') signal.throwIfAborted();
  if (end.cut === null && end.exitCode === null) throw notBegun(end);
  // A job may have closed its own home, which the host must read and in which no box could start again.
  await chmod(place.workPath, 0o700);
  await rm(join(place.path, 'job'), { recursive: true, force: true });
  const { exitCode, stdout, stderr, notes } = end;
  const report = program === 'python' ? takeReport(place.workPath) : null;
  return { exitCode, stdout, stderr, timedOut: end.cut === 'timeout', excess: end.reason, notes, report };
}

function checkTimeout({ timeoutMs }: SandboxJob): void {
  if (Number.isSafeInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= maxTimeoutMs) return;
  const what = `timeoutMs must be a whole number between 1 and ${maxTimeoutMs}`;
  throw new AppError('Input.Invalid', { what, field: 'timeoutMs' });
}

/** Bubblewrap could not build the box, or the box was killed from outside: nothing is known, the job can run again. */
function notBegun(end: BoxEnd): AppError {
  const firstLine = end.stderr.split('\n', 1)[0]?.slice(0, 300) ?? '';
  return new AppError('Sandbox.Unavailable', {
    what: `the box ended before its job did (${firstLine || 'no message'})`,
  });
}

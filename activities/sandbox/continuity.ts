import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, failures, toAppError } from '../../domain/errors.ts';
import type { JobEnd, KnownTree, LeftOut, SandboxDriver, Workspace } from './driver.ts';
import { createKeyedLock } from './keyed-lock.ts';
import type { LeaseStore } from './lease.ts';
import type { SandboxJob, SandboxPort, SandboxRef, SandboxResult, SandboxScope } from './ports.ts';
import type { StoredTree, TreeStore } from './tree/tree-store.ts';
import { toDisplay } from './tree/tree.ts';

/** Moments of a step at which a test may end the process. */
export type StepPoint =
  | 'lease-taken'
  | 'opened'
  | 'restored'
  | 'before-job'
  | 'after-job'
  | 'files-stored'
  | 'tree-stored'
  | 'at-rest';

export interface ContinuityPorts {
  readonly driver: SandboxDriver;
  readonly leases: LeaseStore;
  readonly trees: TreeStore;
  /** Who this process is, for people who read a lease. */
  readonly holder: string;
  readonly onPoint?: (point: StepPoint) => void;
}

/** Steps of a sandbox between two readings of all its bytes. */
const thoroughEvery = 20;

/** Entries of all trees that are remembered: beyond it, the sandbox that was used longest ago is looked at anew. */
const maxRememberedEntries = 1_000_000;

/** Waits between tries to store what a job left, in milliseconds; the last one repeats. */
const storeDelaysMs = [100, 250, 500, 1_000, 2_000, 5_000];

/** Names that a note to the model has. */
const maxNamed = 10;

/** A sandbox whose lease this process took, at rest between two steps. */
interface Held {
  readonly workspace: Workspace;
  readonly known: KnownTree;
  readonly steps: number;
}

const emptyTree: KnownTree = {
  digest: null,
  entries: [],
  contents: new Map(),
  modifiedMs: new Map(),
  hints: new Map(),
};

/**
 * Sandboxes whose steps are functions of (files before, job): see {@link SandboxPort}.
 *
 * A step goes: the workspace that this process holds is claimed and looked at; when it is not there, not its own any more, or not the
 * files before, the lease is taken and they are made again. The job runs. What it left is stored: blobs, then the tree. Only then
 * the result is known, and only then can a record name the tree.
 */
export function createSandbox(ports: ContinuityPorts): SandboxPort {
  const { driver, leases } = ports;
  const inTurn = createKeyedLock();
  const held = new LRUCache<string, Held>({
    maxSize: maxRememberedEntries,
    sizeCalculation: ({ known }) => known.entries.length + 1,
  });
  return {
    run: async (ref, job, scope) =>
      inTurn(toKey(ref), async () => {
        const key = toKey(ref);
        scope.signal.throwIfAborted();
        const resting = held.get(key);
        // Whatever is thrown from here on leaves files that nobody knows: the next attempt begins with a new lease.
        held.delete(key);
        const begun = (await resume(resting, job.before)) ?? (await begin(ports, { ref, before: job.before, scope }));
        const { result, next } = await perform(ports, { begun, ref, job, scope });
        if (next !== null) held.set(key, next);
        return result;
      }),
    runOnce: async (ref, job, scope) => inTurn(toKey(ref), async () => runOnce(driver, ref, { job, scope })),
    destroy: async (run) => {
      for (const key of held.keys()) if (key.startsWith(`${run.tenant}/${run.runId}/`)) held.delete(key);
      await driver.destroy(run);
      await leases.drop(run);
    },
    listRuns: driver.listRuns,
    sweep: async () => {
      const found = await driver.listWorkspaces();
      await Promise.all(found.map(async (local) => discardIfTaken(ports, local)));
      await driver.sweep();
    },
  };
}

function toKey({ tenant, runId, sandboxId }: SandboxRef): string {
  return `${tenant}/${runId}/${sandboxId}`;
}

/** Without a lease: nothing that it leaves is ever looked for. */
async function runOnce(
  driver: SandboxDriver,
  ref: SandboxRef,
  { job, scope }: { readonly job: SandboxJob; readonly scope: SandboxScope },
): Promise<SandboxResult> {
  const epoch = (await driver.newestEpoch(ref)) + 1;
  const nonce = randomBytes(6).toString('hex');
  const lease = { schemaVersion: 1, epoch, nonce, holder: '', takenAtMs: 0 } as const;
  const { workspace } = await driver.open(ref, lease, null);
  try {
    const end = await workspace.run(job, scope.signal);
    if (end.excess !== null) return toRolledBack(end, end.excess, job);
    const { exitCode, stdout, timedOut, report } = end;
    const stderr = addNotes(end.stderr, end.notes);
    return { exitCode, stdout, stderr, timedOut, report, treeDigest: null, isRolledBack: false };
  } finally {
    await driver.discard(ref, epoch);
  }
}

/** A sandbox that moved to another host leaves its workspace here behind. */
async function discardIfTaken(
  { driver, leases }: ContinuityPorts,
  { ref, epoch }: { ref: SandboxRef; epoch: number },
): Promise<void> {
  const lease = await leases.read(ref);
  if (lease !== null && lease.epoch > epoch) await driver.discard(ref, epoch);
}

/** The ordinary beginning: the workspace rests here as the files before. One look at the file system, none at the store. */
async function resume(resting: Held | undefined, before: string | null): Promise<Held | null> {
  if (resting === undefined || resting.known.digest !== before) return null;
  if (!(await resting.workspace.claim())) return null;
  const scrutiny = resting.steps % thoroughEvery === 0 ? 'bytes' : 'hints';
  // What cannot be looked at is not as it was.
  const known = await resting.workspace.verify(resting.known, scrutiny).catch(() => null);
  return known === null ? null : { ...resting, known };
}

interface Beginning {
  readonly ref: SandboxRef;
  readonly before: string | null;
  readonly scope: SandboxScope;
}

/** The other beginnings: first step, another process or host before, an attempt that ended half way, a fork. */
async function begin(ports: ContinuityPorts, { ref, before, scope }: Beginning): Promise<Held> {
  const { driver, trees } = ports;
  const lease = await ports.leases.take(ref, ports.holder, await driver.newestEpoch(ref));
  ports.onPoint?.('lease-taken');
  const { workspace, isTakenOver } = await driver.open(ref, lease, before);
  ports.onPoint?.('opened');
  const tree = before === null ? emptyTree : await trees.get(ref.tenant, before, driver.bounds);
  const unseen: KnownTree = { ...tree, digest: before, hints: new Map() };
  const found = isTakenOver || before === null ? await workspace.verify(unseen, 'bytes') : null;
  const known = found ?? (await restore(workspace, unseen, { ...ports, tenant: ref.tenant, signal: scope.signal }));
  ports.onPoint?.('restored');
  return { workspace, known, steps: 0 };
}

async function restore(
  workspace: Workspace,
  tree: KnownTree,
  from: { readonly trees: TreeStore; readonly tenant: string; readonly signal: AbortSignal },
): Promise<KnownTree> {
  const { trees, tenant, signal } = from;
  const getBlob = async (digest: string): Promise<Buffer> => {
    signal.throwIfAborted();
    return trees.getBlob(tenant, digest);
  };
  await workspace.restore(tree, { getBlob, signal });
  const known = await workspace.verify(tree, 'names');
  if (known !== null) return known;
  throw new AppError('Sandbox.Unavailable', { what: 'the restored files are not those of the snapshot' });
}

interface Performance {
  readonly begun: Held;
  readonly ref: SandboxRef;
  readonly job: SandboxJob;
  readonly scope: SandboxScope;
}

async function perform(
  ports: ContinuityPorts,
  { begun, ref, job, scope }: Performance,
): Promise<{ readonly result: SandboxResult; readonly next: Held | null }> {
  const { workspace } = begun;
  ports.onPoint?.('before-job');
  const end = await workspace.run(job, scope.signal);
  ports.onPoint?.('after-job');
  if (end.excess !== null) return { result: toRolledBack(end, end.excess, job), next: null };
  const patient = createPatience(scope);
  const captured = await workspace.capture(begun.known, {
    putBlob: async (bytes) => patient(async () => ports.trees.putBlob(ref.tenant, bytes)),
  });
  if (captured.kind === 'excess') return { result: toRolledBack(end, captured.what, job), next: null };
  ports.onPoint?.('files-stored');
  const { tree, leftOut } = captured;
  if (tree.digest !== null && tree.digest !== job.before) {
    await patient(async () => ports.trees.put(ref.tenant, tree satisfies StoredTree));
  }
  ports.onPoint?.('tree-stored');
  await workspace.rest(tree.digest);
  ports.onPoint?.('at-rest');
  const stderr = addNotes(end.stderr, [...end.notes, ...(leftOut.length === 0 ? [] : [toNote(leftOut)])]);
  const { exitCode, stdout, timedOut, report } = end;
  return {
    result: { exitCode, stdout, stderr, timedOut, report, treeDigest: tree.digest, isRolledBack: false },
    next: { workspace, known: tree, steps: begun.steps + 1 },
  };
}

/** The files before are what counts; the next step makes them again. */
function toRolledBack(end: JobEnd, excess: string, job: SandboxJob): SandboxResult {
  const note = `${excess}: the files were put back to what they were before this step`;
  const { exitCode, stdout, timedOut, report } = end;
  const stderr = addNotes(end.stderr, [...end.notes, note]);
  return { exitCode, stdout, stderr, timedOut, report, treeDigest: job.before, isRolledBack: true };
}

function toNote(leftOut: readonly LeftOut[]): string {
  const named = leftOut.slice(0, maxNamed).map(({ path, why }) => `${toDisplay(path)} (${why})`);
  const more = leftOut.length > maxNamed ? ` and ${leftOut.length - maxNamed} more` : '';
  return `removed, since it cannot be kept for the next step: ${named.join(', ')}${more}`;
}

function addNotes(stderr: string, notes: readonly string[]): string {
  if (notes.length === 0) return stderr;
  const separator = stderr === '' || stderr.endsWith('\n') ? '' : '\n';
  return `${stderr}${separator}${notes.join('\n')}\n`;
}

/**
 * Tries until the store takes it, for as long as the attempt lives: the job ran, and a store that is away must not make it run
 * again.
 */
function createPatience(scope: SandboxScope): <Value>(task: () => Promise<Value>) => Promise<Value> {
  return async (task) => {
    for (let tries = 0; ; tries += 1) {
      try {
        const value = await task();
        if (tries > 0) scope.reportWaiting(null);
        return value;
      } catch (error) {
        const failure = toAppError(error);
        if (!failure.type.startsWith('Storage.') || failures[failure.type].retry !== 'wait') throw failure;
        scope.reportWaiting(failure.message);
        await delay(storeDelaysMs[Math.min(tries, storeDelaysMs.length - 1)], undefined, { signal: scope.signal });
      }
    }
  };
}

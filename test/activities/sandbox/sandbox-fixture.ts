import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type HostDriver,
  type HostDriverOptions,
  createHostDriver,
} from '../../../activities/sandbox/adapters/host-driver.ts';
import { findBoxProcesses } from '../../../activities/sandbox/adapters/sandbox-processes.ts';
import type { BoxOwner } from '../../../activities/sandbox/adapters/sandbox-processes.ts';
import { type ContinuityPorts, createSandbox } from '../../../activities/sandbox/continuity.ts';
import { createLeaseStore } from '../../../activities/sandbox/lease.ts';
import type {
  SandboxJob,
  SandboxPort,
  SandboxRef,
  SandboxResult,
  SandboxScope,
} from '../../../activities/sandbox/ports.ts';
import { createTreeStore, type TreeStore } from '../../../activities/sandbox/tree/tree-store.ts';
import { createBlobStore } from '../../../activities/storage/blob-store.ts';
import type { ObjectStore } from '../../../activities/storage/ports.ts';
import { createMemoryObjectStore } from '../../api/memory-object-store.ts';

/** Whether the tests run as root: then each sandbox has a uid of its own. */
export const isRoot = process.getuid?.() === 0;

/** The sandbox that a fixture's `run` works in. */
export const aRef: SandboxRef = { tenant: 'default', runId: 'run', sandboxId: 'box' };

/** The surroundings of an attempt that nobody cuts short. */
export function aSandboxScope(signal: AbortSignal = new AbortController().signal): SandboxScope {
  return { signal, reportWaiting: () => undefined };
}

/** What a fixture is made of; each part has a default. */
export interface FixtureOptions extends Partial<HostDriverOptions> {
  readonly objects?: ObjectStore;
  readonly onPoint?: ContinuityPorts['onPoint'];
}

/** A real driver on a directory of its own, and what a test asks of it again and again. */
export interface SandboxFixture {
  readonly sandbox: SandboxPort;
  readonly driver: HostDriver;
  readonly trees: TreeStore;
  readonly objects: ObjectStore;
  readonly directory: string;
  /** Runs a job in `aRef` on the files that the job before it left. */
  readonly run: (source: string, job?: Partial<SandboxJob>, signal?: AbortSignal) => Promise<SandboxResult>;
  readonly python: (source: string, job?: Partial<SandboxJob>) => Promise<SandboxResult>;
  /** In the newest epoch of `aRef`, or of another sandbox of the same run. */
  readonly path: (...names: string[]) => string;
  readonly pathOf: (ref: SandboxRef, ...names: string[]) => string;
  /** Host processes that belong to `aRef`. */
  readonly processes: () => Promise<number[]>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}

/** The directory of a sandbox's newest epoch. */
export function newestEpoch(directory: string, ref: SandboxRef): string {
  const sandbox = join(directory, `${ref.tenant}.${ref.runId}`, ref.sandboxId);
  const epochs = readdirSync(sandbox).toSorted((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10));
  const newest = epochs.at(-1);
  if (newest === undefined) throw new Error(`${sandbox} has no epoch`);
  return join(sandbox, newest);
}

/** How the processes of an epoch's box are found. */
export function ownerOf(directory: string, epochPath: string): BoxOwner {
  const uid = isRoot ? Number.parseInt(readFileSync(join(epochPath, 'uid'), 'utf8'), 10) : null;
  return uid === null ? { kind: 'mount', part: `${epochPath.slice(directory.length)}/` } : { kind: 'uid', uid };
}

/** Makes one; `aRef` is there once something ran in it. */
export async function aSandbox(options: FixtureOptions = {}): Promise<SandboxFixture> {
  const { objects = createMemoryObjectStore(), onPoint, ...driverOptions } = options;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'longhaul-sandbox-')));
  const driver = createHostDriver({ ...driverOptions, directory });
  const trees = createTreeStore({ objects, blobs: createBlobStore(objects) });
  const leases = createLeaseStore(objects, () => 0);
  const sandbox = createSandbox({
    driver,
    trees,
    leases,
    holder: 'test',
    ...(onPoint === undefined ? {} : { onPoint }),
  });
  const pathOf = (ref: SandboxRef, ...names: string[]): string => join(newestEpoch(directory, ref), ...names);
  let before: string | null = null;
  const run: SandboxFixture['run'] = async (source, job, signal) => {
    const asked = { kind: 'shell', source, timeoutMs: 60_000, before, ...job } as const;
    const result = await sandbox.run(aRef, asked, aSandboxScope(signal));
    before = result.treeDigest;
    return result;
  };
  return {
    sandbox,
    driver,
    trees,
    objects,
    directory,
    run,
    pathOf,
    path: (...names) => pathOf(aRef, ...names),
    python: async (source, job) => run(source, { kind: 'python', ...job }),
    processes: async () => findBoxProcesses(ownerOf(directory, newestEpoch(directory, aRef))),
    [Symbol.asyncDispose]: async () => {
      for (const ended of await sandbox.listRuns()) await sandbox.destroy(ended);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

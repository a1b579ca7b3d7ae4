import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { SandboxDriver } from '../driver.ts';
import { openWorkspace } from './host-open.ts';
import {
  checkHost,
  describeHost,
  type Host,
  type SandboxDescription,
  toBounds,
  toRunName,
  toSandboxPath,
} from './sandbox-host.ts';
import type { BoxRuntime } from './box-runtime.ts';
import { createBubblewrapRuntime } from './bubblewrap-runtime.ts';
import { findBoxGroups } from './cgroups.ts';
import { listEpochs } from './epochs.ts';
import { toHostError } from './host-command.ts';
import { compileSeccomp } from './seccomp/compile-seccomp.ts';
import { hostArchitecture, readCallNumbers, readSeccompPolicy } from './seccomp/seccomp-policy.ts';
import { defaultSandboxLimits, type SandboxLimits } from './sandbox-limits.ts';
import { destroyRun, discardEpoch, listRuns, listWorkspaces, sweepHost } from './sandbox-removal.ts';
import { createUidPool, toDefaultUidRange, type UidRange } from './sandbox-uids.ts';

/** Options of {@link createHostDriver}. */
export interface HostDriverOptions {
  /** Where the sandboxes of this host live. Every directory above must let others pass (`o+x`) when the worker is root. */
  readonly directory: string;
  /** What makes the boxes; bubblewrap when absent. */
  readonly runtime?: BoxRuntime;
  readonly limits?: Partial<SandboxLimits>;
  /** Host uids for sandboxes, for this directory alone; follows from the directory when absent. Used by root workers only. */
  readonly uidRange?: UidRange;
}

/** A {@link SandboxDriver} that can say how strong it is. */
export interface HostDriver extends SandboxDriver {
  readonly describe: () => Promise<SandboxDescription>;
  /** @throws AppError `Config.Invalid` naming the program or directory that is missing or closed, with the mend. */
  readonly checkHost: () => Promise<void>;
}

/**
 * Sandboxes on this host: workspaces in its directory, boxes by its runtime; no network, no host files, no environment, no way up.
 *
 * *Contract:* see {@link SandboxDriver}.
 */
export function createHostDriver(options: HostDriverOptions): HostDriver {
  const directory = resolve(options.directory);
  const isRoot = process.getuid?.() === 0;
  const architecture = hostArchitecture();
  const host: Host = {
    directory,
    runtime: options.runtime ?? createBubblewrapRuntime(),
    limits: { ...defaultSandboxLimits, ...options.limits },
    groups: createOnce(async () => findBoxGroups(toInstallation(directory))),
    filter: architecture === null ? null : compileSeccomp(readSeccompPolicy(), readCallNumbers(), architecture),
    uids: isRoot ? createUidPool(join(directory, '.uids'), options.uidRange ?? toDefaultUidRange(directory)) : null,
  };
  return {
    bounds: toBounds(host.limits),
    describe: async () => describeHost(host),
    checkHost: async () => checkHost(host),
    newestEpoch: async (ref) => (await listEpochs(toSandboxPath(host, ref))).at(-1)?.epoch ?? 0,
    open: async (ref, lease, before) => {
      await checkHost(host);
      return openWorkspace(host, ref, { lease, before });
    },
    destroy: async (run) => destroyRun(host, run),
    listRuns: async () => listRuns(host),
    listWorkspaces: async () => listWorkspaces(host),
    discard: async (ref, uptoEpoch) => {
      const epochs = (await listEpochs(toSandboxPath(host, ref))).filter(({ epoch }) => epoch <= uptoEpoch);
      try {
        for (const epoch of epochs) await discardEpoch(host, toRunName(ref), epoch);
      } catch (error) {
        throw toHostError('removing a sandbox that was taken over', error);
      }
    },
    sweep: async () => sweepHost(host),
  };
}

/** Name of this installation's control groups: two on one host do not remove each other's. */
function toInstallation(directory: string): string {
  return createHash('sha256').update(directory).digest('hex').slice(0, 12);
}

function createOnce<Value>(task: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<Value> | undefined;
  return () => (running ??= task());
}

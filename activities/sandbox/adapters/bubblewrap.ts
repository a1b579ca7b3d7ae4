import { join, resolve } from 'node:path';
import type { SandboxDriver } from '../driver.ts';
import { openWorkspace } from './bubblewrap-open.ts';
import {
  checkHost,
  describeHost,
  type Host,
  type SandboxDescription,
  toBounds,
  toRunName,
  toSandboxPath,
} from './bubblewrap-host.ts';
import { listEpochs } from './epochs.ts';
import { toHostError } from './host-command.ts';
import { defaultSandboxLimits, type SandboxLimits } from './sandbox-limits.ts';
import { destroyRun, discardEpoch, listRuns, listWorkspaces, sweepHost } from './sandbox-removal.ts';
import { createUidPool, toDefaultUidRange, type UidRange } from './sandbox-uids.ts';

/** Options of {@link createBubblewrapDriver}. */
export interface BubblewrapOptions {
  /** Where the sandboxes of this host live. Every directory above must let others pass (`o+x`) when the worker is root. */
  readonly directory: string;
  /** The `bwrap` program; `/usr/bin/bwrap` when absent. */
  readonly bwrapPath?: string;
  readonly limits?: Partial<SandboxLimits>;
  /** Host uids for sandboxes, for this directory alone; follows from the directory when absent. Used by root workers only. */
  readonly uidRange?: UidRange;
}

/** A {@link SandboxDriver} that can say how strong it is. */
export interface BubblewrapDriver extends SandboxDriver {
  readonly describe: () => SandboxDescription;
  /** @throws AppError `Config.Invalid` naming the program or directory that is missing or closed, with the mend. */
  readonly checkHost: () => Promise<void>;
}

/**
 * Sandboxes made of Linux namespaces by bubblewrap: no network, no host files, no environment, no way up.
 *
 * *Contract:* see {@link SandboxDriver}.
 */
export function createBubblewrapDriver(options: BubblewrapOptions): BubblewrapDriver {
  const directory = resolve(options.directory);
  const isRoot = process.getuid?.() === 0;
  const host: Host = {
    directory,
    bwrapPath: options.bwrapPath ?? '/usr/bin/bwrap',
    limits: { ...defaultSandboxLimits, ...options.limits },
    uids: isRoot ? createUidPool(join(directory, '.uids'), options.uidRange ?? toDefaultUidRange(directory)) : null,
  };
  return {
    bounds: toBounds(host.limits),
    describe: () => describeHost(host),
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

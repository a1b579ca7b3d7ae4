import { existsSync } from 'node:fs';
import { AppError } from '../../../domain/errors.ts';
import {
  boxAttachment,
  boxEnvironment,
  boxEtcFiles,
  boxHome,
  boxInit,
  type BoxPlan,
  boxPrograms,
  boxScriptFolder,
  boxScripts,
  boxSource,
  shownEtcNames,
  toLaunch,
  toRlimits,
  usrLinks,
} from './box-layout.ts';
import type { BoxRuntime } from './box-runtime.ts';
import { isThere } from './host-files.ts';

/** What the box does not need to see of the kernel. */
interface CoveredNames {
  readonly files: readonly string[];
  readonly directories: readonly string[];
}

/** Of what the kernel shows under /proc: what says something about the host, or lets root change it. */
const coveredCandidates: CoveredNames = {
  files: [
    ['cmdline', 'config.gz', 'iomem', 'ioports', 'kallsyms', 'kcore', 'key-users', 'keys', 'kmsg', 'kpagecgroup'],
    ['kpagecount', 'kpageflags', 'latency_stats', 'modules', 'sched_debug', 'slabinfo', 'sysrq-trigger'],
    ['timer_list', 'vmallocinfo', 'bootconfig', 'mtrr', 'partitions', 'diskstats', 'swaps', 'schedstat', 'locks'],
  ].flat(),
  directories: ['acpi', 'bus', 'driver', 'dynamic_debug', 'fs', 'irq', 'pressure', 'scsi', 'sysvipc', 'tty'],
};

/** Boxes made of Linux namespaces by the `bwrap` at this path. */
export function createBubblewrapRuntime(bwrapPath = '/usr/bin/bwrap'): BoxRuntime {
  return {
    name: 'bubblewrap',
    spareProcesses: 0,
    virtual: {},
    check: async () => {
      if (await isThere(bwrapPath)) return;
      throw new AppError('Config.Invalid', {
        what: `bubblewrap is missing (${bwrapPath})`,
        mend: 'Run: apt-get install -y bubblewrap',
      });
    },
    prepare: async (plan, filterPath) => ({
      command: toBoxCommand(bwrapPath, plan, filterPath !== null),
      filterPath,
      exitOf: 'status',
    }),
  };
}

/** Close descriptors, drop the uid, build the box, bound it, run the job. */
function toBoxCommand(bwrapPath: string, plan: BoxPlan, isFiltered: boolean): string[] {
  return [
    toLaunch(plan),
    dropPrivileges(plan.uid),
    [bwrapPath, ...isolation, ...(isFiltered ? ['--seccomp', '4'] : [])],
    [...mounts(plan), ...environment(), '--chdir', boxHome, '--'],
    // Set inside the box's own user namespace, so that `nproc` counts its processes and nobody else's.
    [
      '/usr/bin/prlimit',
      ...Object.entries(toRlimits(plan)).map(([name, value]) => `--${name}=${value}:${value}`),
      '--',
    ],
    ['/bin/sh', '-c', boxInit, 'init'],
    boxPrograms[plan.program],
  ].flat();
}

/** Those of the candidates that this kernel has. */
function toCovered(): CoveredNames {
  return { files: presentOf(coveredCandidates.files), directories: presentOf(coveredCandidates.directories) };
}

function presentOf(names: readonly string[]): string[] {
  return names.filter((name) => existsSync(`/proc/${name}`));
}

function dropPrivileges(uid: number | null): string[] {
  const always = ['/usr/bin/setpriv', '--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all'];
  if (uid === null) return [...always, '--'];
  return [...always, '--bounding-set=-all', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
}

const isolation = [
  ['--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session', '--as-pid-1'],
  ['--cap-drop', 'ALL', '--uid', '1000', '--gid', '1000', '--hostname', 'sandbox', '--json-status-fd', '3'],
].flat();

function mounts({ limits, etcPath, sourcePath, attachmentPath, workPath }: BoxPlan): string[] {
  const covered = toCovered();
  return [
    ['--ro-bind', '/usr', '/usr'],
    ...usrLinks.map((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ...Object.keys(boxEtcFiles).map((name) => ['--ro-bind', `${etcPath}/${name}`, `/etc/${name}`]),
    ...shownEtcNames.map((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ['--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys'],
    ...covered.files.map((name) => ['--ro-bind', '/dev/null', `/proc/${name}`]),
    ...covered.directories.map((name) => [
      '--size',
      '4096',
      '--tmpfs',
      `/proc/${name}`,
      '--remount-ro',
      `/proc/${name}`,
    ]),
    ['--dev', '/dev', '--perms', '1777', '--size', String(limits.shmBytes), '--tmpfs', '/dev/shm'],
    ['--perms', '1777', '--size', String(limits.tmpBytes), '--tmpfs', '/tmp'],
    ...boxScripts.map((name) => ['--ro-bind', `${etcPath}/${name}`, `${boxScriptFolder}/${name}`]),
    ['--ro-bind', sourcePath, boxSource, '--bind', workPath, boxHome],
    attachmentPath === null ? [] : ['--ro-bind', attachmentPath, boxAttachment],
    // The root and /dev are tmpfs without a size: nothing may be written there.
    ['--remount-ro', '/dev', '--remount-ro', '/'],
  ].flat();
}

function environment(): string[] {
  return ['--clearenv', ...Object.entries(boxEnvironment).flatMap(([name, value]) => ['--setenv', name, value])];
}

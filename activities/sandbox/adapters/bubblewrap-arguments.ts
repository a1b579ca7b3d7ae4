import type { SandboxLimits } from './sandbox-limits.ts';

/** Home of the code inside, and the only place that outlives a job. */
const boxHome = '/home/user';

/** Where the box finds what it is to run. */
const boxSource = '/run/job/main';
const boxAttachment = '/run/job/attachment';

/** The whole environment of code inside. */
export const boxEnvironment: Readonly<Record<string, string>> = {
  HOME: boxHome,
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
  // Its caches hold times, so that equal runs would leave different files.
  PYTHONDONTWRITEBYTECODE: '1',
  // Sets are shown in the same order by every attempt.
  PYTHONHASHSEED: '0',
};

/** Files under the box's /etc that are ours; their text says nothing of the host. */
export const boxEtcFiles: Readonly<Record<string, string>> = {
  passwd: `user:x:1000:1000:user:${boxHome}:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n`,
  group: 'user:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

/** What one box is made of: host paths, who runs it, what it may use. */
export interface BoxPlan {
  readonly bwrapPath: string;
  /** Host uid of the box; null when it shares the worker's. */
  readonly uid: number | null;
  readonly workPath: string;
  readonly sourcePath: string;
  /** A file that the job may read; null for none. */
  readonly attachmentPath: string | null;
  readonly etcPath: string;
  readonly limits: SandboxLimits;
  readonly cpuSeconds: number;
  readonly program: BoxProgram;
  /** Files of the control groups that the box joins; none where there is no place for them. */
  readonly joinPaths: readonly string[];
  /** Is there a seccomp filter on descriptor 4? */
  readonly isFiltered: boolean;
  /** Names under /proc that are covered, as they are on this host. */
  readonly covered: CoveredNames;
}

/** What the box does not need to see of the kernel. */
export interface CoveredNames {
  readonly files: readonly string[];
  readonly directories: readonly string[];
}

/** Of what the kernel shows under /proc: what says something about the host, or lets root change it. */
export const coveredCandidates: CoveredNames = {
  files: [
    ['cmdline', 'config.gz', 'iomem', 'ioports', 'kallsyms', 'kcore', 'key-users', 'keys', 'kmsg', 'kpagecgroup'],
    ['kpagecount', 'kpageflags', 'latency_stats', 'modules', 'sched_debug', 'slabinfo', 'sysrq-trigger'],
    ['timer_list', 'vmallocinfo', 'bootconfig', 'mtrr', 'partitions', 'diskstats', 'swaps', 'schedstat', 'locks'],
  ].flat(),
  directories: ['acpi', 'bus', 'driver', 'dynamic_debug', 'fs', 'irq', 'pressure', 'scsi', 'sysvipc', 'tty'],
};

/** What is started in a box; each reads the box's source file. */
export type BoxProgram = 'shell' | 'python' | 'put' | 'links';

/** Programs of ours that run inside, by their file in this folder. */
export const boxScripts = ['python-runner.py', 'put-file.py'] as const;

const boxScriptFolder = '/run/sandbox';

// Into the control groups first, given up to `--`. Then the descriptors: the worker may hold some that survive exec; only stdio,
// bwrap's status (3) and the filter (4), which bwrap closes, go on.
const launch = `while [[ $1 != -- ]]; do echo $$ >"$1" || exit 125; shift; done; shift
for path in /proc/self/fd/*; do
  fd=\${path##*/}
  if [[ $fd =~ ^[0-9]+$ && $fd -gt 4 ]]; then eval "exec $fd>&-"; fi
done
exec "$@"`;

// Process 1 of the box: first choice of the OOM killer, reaps orphans, takes everything with it when the job ends.
const init = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; "$@"; exit $?';

// Pairs of name and text, each ended by a zero byte.
const linksMain = `import os
with open("${boxSource}", "rb") as file: fields = file.read().split(b"\\0")
for index in range(0, len(fields) - 1, 2): os.symlink(fields[index + 1], fields[index])`;

const programs: Readonly<Record<BoxProgram, readonly string[]>> = {
  shell: ['/bin/bash', '-l', boxSource],
  python: ['/usr/bin/python3', `${boxScriptFolder}/python-runner.py`],
  put: ['/usr/bin/python3', '-I', '-S', `${boxScriptFolder}/put-file.py`],
  // Isolated: nothing of the workspace has a part in it.
  links: ['/usr/bin/python3', '-I', '-S', '-c', linksMain],
};

/** The command line that starts a box: close descriptors, drop the uid, build the box, bound it, run the job. Pure. */
export function toBoxCommand(plan: BoxPlan): string[] {
  return [
    ['/bin/bash', '--noprofile', '--norc', '-c', launch, 'launch', ...plan.joinPaths, '--'],
    dropPrivileges(plan.uid),
    [
      plan.bwrapPath,
      ...isolation,
      ...(plan.isFiltered ? ['--seccomp', '4'] : []),
      ...mounts(plan),
      ...environment(),
      '--chdir',
      boxHome,
      '--',
    ],
    bounds(plan),
    ['/bin/sh', '-c', init, 'init'],
    programs[plan.program],
  ].flat();
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

function mounts({ limits, covered, etcPath, sourcePath, attachmentPath, workPath }: BoxPlan): string[] {
  return [
    ['--ro-bind', '/usr', '/usr'],
    ...['bin', 'sbin', 'lib', 'lib64'].map((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ...Object.keys(boxEtcFiles).map((name) => ['--ro-bind', `${etcPath}/${name}`, `/etc/${name}`]),
    ...['alternatives', 'ld.so.cache', 'ssl/certs'].map((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
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

/** Set inside the box's own user namespace, so that `nproc` counts its processes and nobody else's. */
function bounds({ limits, cpuSeconds, joinPaths }: BoxPlan): string[] {
  const rlimits = {
    nproc: limits.processes,
    fsize: limits.fileBytes,
    nofile: limits.openFiles,
    core: 0,
    // A group holds what is used; then a process may reserve more than it uses, as many runtimes do.
    as: joinPaths.length === 0 ? limits.memoryBytes : limits.memoryBytes * 16,
    data: limits.memoryBytes,
    cpu: cpuSeconds,
    memlock: 1_048_576,
    msgqueue: 819_200,
    nice: 0,
    rtprio: 0,
  };
  return ['/usr/bin/prlimit', ...Object.entries(rlimits).map(([name, value]) => `--${name}=${value}:${value}`), '--'];
}

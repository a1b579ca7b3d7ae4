import type { SandboxLimits } from './sandbox-limits.ts';

/** Home of the code inside, and the only place that outlives a job. */
const boxHome = '/home/user';

/** Where the box finds what it is to run. */
const boxSource = '/run/job/main';

/** The whole environment of code inside. */
export const boxEnvironment: Readonly<Record<string, string>> = {
  HOME: boxHome,
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LANG: 'C.UTF-8',
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
  readonly etcPath: string;
  readonly limits: SandboxLimits;
  readonly cpuSeconds: number;
  readonly program: BoxProgram;
}

/** What is started in a box; each reads the box's source file. */
export type BoxProgram = 'shell' | 'python' | 'links';

// The worker may hold descriptors that survive exec; only stdio and bwrap's status (3) go on.
const closeDescriptors = `for path in /proc/self/fd/*; do
  fd=\${path##*/}
  if [[ $fd =~ ^[0-9]+$ && $fd -gt 3 ]]; then eval "exec $fd>&-"; fi
done
exec "$@"`;

// Process 1 of the box: first choice of the OOM killer, reaps orphans, takes everything with it when the job ends.
const init = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; "$@"; exit $?';

// Leaves '' (the workspace) first on sys.path and shows source lines in tracebacks, which `python3 -` does not.
const pythonMain = `import sys; sys.argv = ["${boxSource}"]; exec(compile(open(sys.argv[0], encoding="utf-8").read(), sys.argv[0], "exec"))`;

// Pairs of name and text, each ended by a zero byte.
const linksMain = `import os
with open("${boxSource}", "rb") as file: fields = file.read().split(b"\\0")
for index in range(0, len(fields) - 1, 2): os.symlink(fields[index + 1], fields[index])`;

const programs: Readonly<Record<BoxProgram, readonly string[]>> = {
  shell: ['/bin/bash', '-l', boxSource],
  python: ['/usr/bin/python3', '-c', pythonMain],
  // Isolated: nothing of the workspace has a part in it.
  links: ['/usr/bin/python3', '-I', '-S', '-c', linksMain],
};

/** The command line that starts a box: close descriptors, drop the uid, build the box, bound it, run the job. Pure. */
export function toBoxCommand(plan: BoxPlan): string[] {
  return [
    ['/bin/bash', '--noprofile', '--norc', '-c', closeDescriptors, 'launch'],
    dropPrivileges(plan.uid),
    [plan.bwrapPath, ...isolation, ...mounts(plan), ...environment(), '--chdir', boxHome, '--'],
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

function mounts({ limits, etcPath, sourcePath, workPath }: BoxPlan): string[] {
  return [
    ['--ro-bind', '/usr', '/usr'],
    ...['bin', 'sbin', 'lib', 'lib64'].map((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ...Object.keys(boxEtcFiles).map((name) => ['--ro-bind', `${etcPath}/${name}`, `/etc/${name}`]),
    ...['alternatives', 'ld.so.cache', 'ssl/certs'].map((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    ['--proc', '/proc', '--ro-bind', '/proc/sys', '/proc/sys'],
    ['--dev', '/dev', '--perms', '1777', '--size', String(limits.shmBytes), '--tmpfs', '/dev/shm'],
    ['--perms', '1777', '--size', String(limits.tmpBytes), '--tmpfs', '/tmp'],
    ['--ro-bind', sourcePath, boxSource, '--bind', workPath, boxHome],
    // The root and /dev are tmpfs without a size: nothing may be written there.
    ['--remount-ro', '/dev', '--remount-ro', '/'],
  ].flat();
}

function environment(): string[] {
  return ['--clearenv', ...Object.entries(boxEnvironment).flatMap(([name, value]) => ['--setenv', name, value])];
}

/** Set inside the box's own user namespace, so that `nproc` counts its processes and nobody else's. */
function bounds({ limits, cpuSeconds }: BoxPlan): string[] {
  const rlimits = {
    nproc: limits.processes,
    fsize: limits.fileBytes,
    nofile: limits.openFiles,
    core: 0,
    as: limits.memoryBytes,
    cpu: cpuSeconds,
  };
  return ['/usr/bin/prlimit', ...Object.entries(rlimits).map(([name, value]) => `--${name}=${value}:${value}`), '--'];
}

import type { SandboxLimits } from './sandbox-limits.ts';

/** Home of the code inside, and the only place that outlives a job. */
export const boxHome = '/home/user';

/** Where the box finds what it is to run, and a file that came with it. */
export const boxSource = '/run/job/main';
export const boxAttachment = '/run/job/attachment';

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
  /** Host uid of the box; null when it shares the worker's. */
  readonly uid: number | null;
  readonly workPath: string;
  /** Private directory of the job on the host. */
  readonly jobPath: string;
  readonly sourcePath: string;
  /** A file that the job may read; null for none. */
  readonly attachmentPath: string | null;
  readonly etcPath: string;
  readonly limits: SandboxLimits;
  readonly cpuSeconds: number;
  readonly program: BoxProgram;
  /** Files of the control groups that the box joins; none where there is no place for them. */
  readonly joinPaths: readonly string[];
}

/** What is started in a box; each reads the box's source file. */
export type BoxProgram = 'shell' | 'python' | 'put' | 'links';

/** Programs of ours that run inside, by their file in this folder. */
export const boxScripts = ['python-runner.py', 'put-file.py'] as const;

export const boxScriptFolder = '/run/sandbox';

/** Folders of the host that are shown as they are, read-only, where they are there. */
export const shownEtcNames = ['alternatives', 'ld.so.cache', 'ssl/certs'] as const;

/** Names in the root that lead into /usr. */
export const usrLinks = ['bin', 'sbin', 'lib', 'lib64'] as const;

// Into the control groups first, given up to `--`. Then the descriptors: the worker may hold some that survive exec; only stdio,
// bwrap's status (3) and the filter (4), which bwrap closes, go on.
const launch = `while [[ $1 != -- ]]; do echo $$ >"$1" || exit 125; shift; done; shift
for path in /proc/self/fd/*; do
  fd=\${path##*/}
  if [[ $fd =~ ^[0-9]+$ && $fd -gt 4 ]]; then eval "exec $fd>&-"; fi
done
exec "$@"`;

// Process 1 of the box: first choice of the OOM killer, reaps orphans, takes everything with it when the job ends.
export const boxInit = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; "$@"; exit $?';

// Pairs of name and text, each ended by a zero byte.
const linksMain = `import os
with open("${boxSource}", "rb") as file: fields = file.read().split(b"\\0")
for index in range(0, len(fields) - 1, 2): os.symlink(fields[index + 1], fields[index])`;

/** The command of each program. */
export const boxPrograms: Readonly<Record<BoxProgram, readonly string[]>> = {
  shell: ['/bin/bash', '-l', boxSource],
  python: ['/usr/bin/python3', `${boxScriptFolder}/python-runner.py`],
  put: ['/usr/bin/python3', '-I', '-S', `${boxScriptFolder}/put-file.py`],
  // Isolated: nothing of the workspace has a part in it.
  links: ['/usr/bin/python3', '-I', '-S', '-c', linksMain],
};

/** Limits of each process, by the names of rlimits. */
export function toRlimits({ limits, cpuSeconds, joinPaths }: BoxPlan): Readonly<Record<string, number>> {
  return {
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
}

/** Starts what follows with nothing of the worker's but its standard streams. */
export function toLaunch({ joinPaths }: Pick<BoxPlan, 'joinPaths'>): string[] {
  return ['/bin/bash', '--noprofile', '--norc', '-c', launch, 'launch', ...joinPaths, '--'];
}

import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
import { toOciSeccomp } from './seccomp/oci-seccomp.ts';
import { readSeccompPolicy } from './seccomp/seccomp-policy.ts';

/**
 * Boxes whose system calls are answered by gVisor's own kernel: what runs inside never reaches the host's. Needs root, and control
 * groups, by which all of a box is ended.
 *
 * *Source:* the OCI runtime specification 1.1; gVisor's user guide.
 */
export function createGvisorRuntime(runscPath: string): BoxRuntime {
  return {
    name: 'gvisor',
    spareProcesses,
    virtual,
    check: async () => {
      if (await isThere(runscPath)) return;
      throw new AppError('Config.Invalid', {
        what: `runsc is missing (${runscPath})`,
        mend: 'Install gVisor, or choose bubblewrap with LONGHAUL_SANDBOX=bubblewrap.',
      });
    },
    prepare: async (plan) => {
      const bundle = join(plan.jobPath, 'bundle');
      await layOutBundle(bundle, plan);
      const pidFile = join(bundle, 'pid');
      return {
        command: [
          toLaunch(plan),
          // The box ends with its worker, as gVisor's own processes end with this one.
          ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'],
          [runscPath, '--root', join(bundle, 'state'), ...flags],
          ['run', '--bundle', bundle, '--pid-file', pidFile, 'box'],
        ].flat(),
        filterPath: null,
        // The file is written when the box has begun; an exit before is one of gVisor's own.
        exitOf: (code) => (existsSync(pidFile) ? code : null),
      };
    },
  };
}

/** Every thread of a job has one or two on the host; beyond these the box ends as a whole. */
const spareProcesses = 1_024;

/** *Source:* gVisor's security model: what is under /proc and /sys, and namespaces, are its own kernel's. */
const virtual: Readonly<Record<string, string>> = {
  'S2 read: /proc/cmdline': 'a text of its own kernel',
  'S2 read: /sys': 'its own kernel’s',
  'S3 new namespace: user, clone3': 'a namespace of its own kernel',
  'S6 system call: clone3': 'allowed here: it makes namespaces of its own kernel only',
  'S9 limit: processes': 'the box ends as a whole when it has too many',
  'S9 limit: out-of-memory score lowered': 'of its own kernel, which kills nothing',
  'S9 limit: before others': 'of its own scheduler',
};

const flags = [
  '--network=none',
  '--ignore-cgroups',
  '--overlay2=none',
  '--host-uds=none',
  '--host-fifo=none',
  '--oci-seccomp',
  '--platform=systrap',
];

/** A folder with what the box's root has, and the specification beside it. */
async function layOutBundle(bundle: string, plan: BoxPlan): Promise<void> {
  const root = join(bundle, 'root');
  await mkdir(root, { recursive: true, mode: 0o755 });
  const mounts = toMounts(plan);
  for (const { destination, type } of mounts) {
    const path = join(root, destination);
    const isFile = type === 'bind' && !folders.has(destination);
    await mkdir(isFile ? dirname(path) : path, { recursive: true, mode: 0o755 });
    if (isFile) await writeFile(path, '', { mode: 0o444 });
  }
  for (const name of usrLinks) await symlink(`usr/${name}`, join(root, name));
  await writeFile(join(bundle, 'passwd'), toPasswd(plan.uid ?? 0), { mode: 0o444 });
  await writeFile(join(bundle, 'config.json'), JSON.stringify(toSpecification(plan, { root, mounts })), {
    mode: 0o600,
  });
}

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options?: readonly string[];
}

const folders = new Set(['/usr', '/etc/alternatives', '/etc/ssl/certs', boxHome]);

function toMounts(plan: BoxPlan): Mount[] {
  const { etcPath, limits, sourcePath, attachmentPath, workPath, jobPath } = plan;
  const shown = shownEtcNames.filter((name) => existsSync(`/etc/${name}`));
  const own = Object.keys(boxEtcFiles).filter((name) => name !== 'passwd');
  return [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    toTmpfs('/dev/shm', limits.shmBytes),
    toTmpfs('/tmp', limits.tmpBytes),
    toReadOnly('/usr', '/usr'),
    ...shown.map((name) => toReadOnly(`/etc/${name}`, `/etc/${name}`)),
    ...own.map((name) => toReadOnly(join(etcPath, name), `/etc/${name}`)),
    toReadOnly(join(jobPath, 'bundle', 'passwd'), '/etc/passwd'),
    ...boxScripts.map((name) => toReadOnly(join(etcPath, name), `${boxScriptFolder}/${name}`)),
    toReadOnly(sourcePath, boxSource),
    ...(attachmentPath === null ? [] : [toReadOnly(attachmentPath, boxAttachment)]),
    { destination: boxHome, type: 'bind', source: workPath, options: ['bind', 'rw', 'nosuid', 'nodev'] },
  ];
}

function toTmpfs(destination: string, bytes: number): Mount {
  return { destination, type: 'tmpfs', source: 'tmpfs', options: [`size=${bytes}`, 'mode=1777', 'nosuid', 'nodev'] };
}

function toReadOnly(source: string, destination: string): Mount {
  return { destination, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev'] };
}

/** Inside, a user has the uid that his files have on the host. */
function toPasswd(uid: number): string {
  return `user:x:${uid}:${uid}:user:${boxHome}:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n`;
}

function toSpecification(
  plan: BoxPlan,
  { root, mounts }: { readonly root: string; readonly mounts: readonly Mount[] },
) {
  const uid = plan.uid ?? 0;
  const none: readonly string[] = [];
  // Its kernel holds no limit on data, so the one on address space stands for it.
  const limits = { ...toRlimits(plan), as: plan.limits.memoryBytes };
  const rlimits = Object.entries(limits).map(([name, value]) => ({
    type: `RLIMIT_${name.toUpperCase()}`,
    hard: value,
    soft: value,
  }));
  return {
    ociVersion: '1.1.0',
    process: {
      terminal: false,
      user: { uid, gid: uid },
      args: ['/bin/sh', '-c', boxInit, 'init', ...boxPrograms[plan.program]],
      env: Object.entries(boxEnvironment).map(([name, value]) => `${name}=${value}`),
      cwd: boxHome,
      capabilities: { bounding: none, effective: none, inheritable: none, permitted: none, ambient: none },
      noNewPrivileges: true,
      rlimits,
    },
    root: { path: root, readonly: true },
    hostname: 'sandbox',
    mounts,
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })),
      // A refused clone3 would have to be ENOSYS, which this runtime cannot answer, and without it no thread could be made.
      seccomp: toOciSeccomp(readSeccompPolicy(), ['clone3']),
    },
  };
}

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AppError } from '../../../domain/errors.ts';
import { type RunRef, tenantSchema } from '../../../domain/ids.ts';
import type { SandboxRef } from '../ports.ts';
import type { TreeBounds } from '../tree/tree-safety.ts';
import { boxEtcFiles, boxScripts } from './box-layout.ts';
import type { BoxRuntime } from './box-runtime.ts';
import type { BoxGroups } from './cgroups.ts';
import type { SandboxLimits } from './sandbox-limits.ts';
import type { UidPool } from './sandbox-uids.ts';
import { isThere } from './host-files.ts';

/** What this driver holds, and what it does not, on this host. */
export interface SandboxDescription {
  readonly driver: BoxRuntime['name'];
  readonly directory: string;
  /** `own`: each sandbox has a uid of its own. `shared`: all have the worker's. */
  readonly uid: 'own' | 'shared';
  /** Control groups that hold a box as a whole. */
  readonly groups: 'none' | 'version 1' | 'version 2';
  readonly seccomp: boolean;
  /** Probes that find something inside which is not the host's, each with what it is. */
  readonly virtual: BoxRuntime['virtual'];
  readonly limits: SandboxLimits;
  /** Sentences on what is weaker than it could be, for `doctor` and the log. */
  readonly weaker: readonly string[];
}

/** What the parts of the driver share. */
export interface Host {
  readonly directory: string;
  readonly runtime: BoxRuntime;
  readonly limits: SandboxLimits;
  /** Null when the worker is not root: its sandboxes share its uid. */
  readonly uids: UidPool | null;
  /** Null where no control group can be made. Looked for once. */
  readonly groups: () => Promise<BoxGroups | null>;
  /** Null for an architecture without a table of system calls. */
  readonly filter: Buffer | null;
}

/** Where the filter is, for the launcher to open. */
export function toFilterPath(host: Pick<Host, 'directory'>): string {
  return join(host.directory, '.etc', '.seccomp');
}

/** Ids that may be part of a path. */
export const idPattern = /^[A-Za-z0-9_-]{1,128}$/;

/** Folder name of a run. */
export function toRunName({ tenant, runId }: RunRef): string {
  if (!tenantSchema.safeParse(tenant).success) throw unsafeId('tenant', 'a tenant name');
  if (!idPattern.test(runId)) throw unsafeId('runId', idPattern.source);
  return `${tenant}.${runId}`;
}

/** The inverse of {@link toRunName}; null for any other name. */
export function fromRunName(name: string): RunRef | null {
  const [tenant = '', runId = '', ...rest] = name.split('.');
  if (rest.length > 0 || !tenantSchema.safeParse(tenant).success || !idPattern.test(runId)) return null;
  return { tenant, runId };
}

/** Folder of a sandbox: its epochs are in it. */
export function toSandboxPath(host: Pick<Host, 'directory'>, ref: SandboxRef): string {
  if (!idPattern.test(ref.sandboxId)) throw unsafeId('sandboxId', idPattern.source);
  return join(host.directory, toRunName(ref), ref.sandboxId);
}

function unsafeId(field: string, rule: string): AppError {
  return new AppError('Input.Invalid', { what: `${field} must match ${rule}`, field });
}

/** What a workspace may hold. */
export function toBounds(limits: SandboxLimits): TreeBounds {
  return { entries: limits.workspaceFiles, bytes: limits.workspaceBytes };
}

/** Says how strong the sandboxes of this host are. */
export async function describeHost(host: Host): Promise<SandboxDescription> {
  const groups = await host.groups();
  const weaknesses = [
    [
      host.uids === null,
      'the worker is not root: sandboxes share its uid on the host, so only namespaces keep them from its files and processes',
    ],
    [
      groups === null,
      'no control group can be made here: memory is bounded for each process, not for the box, and processor time by the clock only',
    ],
    [
      host.filter === null,
      `no table of system calls for ${process.arch}: they are bounded by namespaces and capabilities only`,
    ],
  ] as const;
  return {
    driver: host.runtime.name,
    directory: host.directory,
    uid: host.uids === null ? 'shared' : 'own',
    groups: groups === null ? 'none' : `version ${groups.version}`,
    seccomp: host.filter !== null,
    virtual: host.runtime.virtual,
    limits: host.limits,
    weaker: weaknesses.flatMap(([holds, text]) => (holds ? [text] : [])),
  };
}

const hostPrograms = [
  '/usr/bin/setpriv',
  '/usr/bin/prlimit',
  '/usr/bin/python3',
  '/usr/bin/mkfifo',
  '/usr/bin/du',
  '/bin/bash',
];

/**
 * Looks for every program that a box needs and makes the directory ready. Idempotent.
 *
 * @throws AppError `Config.Invalid` naming what is missing or closed, with the mend.
 */
export async function checkHost(host: Host): Promise<void> {
  await host.runtime.check();
  if (host.runtime.name === 'gvisor' && (host.uids === null || (await host.groups()) === null)) {
    throw new AppError('Config.Invalid', {
      what: 'gVisor needs a worker that is root and control groups, by which a box is ended',
      mend: 'Choose bubblewrap with LONGHAUL_SANDBOX=bubblewrap.',
    });
  }
  for (const program of hostPrograms) {
    if (await isThere(program)) continue;
    throw new AppError('Config.Invalid', {
      what: `${program} is missing`,
      mend: 'Run: apt-get install -y util-linux coreutils bash python3-minimal',
    });
  }
  await prepareDirectory(host);
}

async function prepareDirectory(host: Host): Promise<void> {
  const etcPath = join(host.directory, '.etc');
  await mkdir(etcPath, { recursive: true });
  await chmod(host.directory, 0o711);
  await chmod(etcPath, 0o755);
  const texts = Object.entries(boxEtcFiles).map(([name, text]) => [join(etcPath, name), Buffer.from(text)] as const);
  const scripts = boxScripts.map(
    (name) => [join(etcPath, name), readFileSync(new URL(name, import.meta.url))] as const,
  );
  const filter = host.filter === null ? [] : [[toFilterPath(host), host.filter] as const];
  const files = [...texts, ...scripts, ...filter];
  for (const [path, bytes] of files) {
    const standing = await readFile(path).catch(() => null);
    if (standing?.equals(bytes) === true) continue;
    const fresh = `${path}.${randomBytes(6).toString('hex')}`;
    await writeFile(fresh, bytes, { mode: 0o444 });
    await chmod(fresh, 0o444);
    await rename(fresh, path);
  }
  if (host.uids !== null) await checkPassable(host.directory);
}

/** A sandbox's uid must be able to walk to its workspace. */
async function checkPassable(directory: string): Promise<void> {
  for (let path = directory; path !== dirname(path); path = dirname(path)) {
    if (((await stat(path)).mode & 0o001) !== 0) continue;
    throw new AppError('Config.Invalid', {
      what: `the sandbox directory ${directory} cannot be reached by the sandboxes' own uids: ${path} is closed to others`,
      mend: `Choose another directory, such as /var/lib/longhaul/sandbox, or run: chmod o+x ${path}`,
      field: 'directory',
    });
  }
}

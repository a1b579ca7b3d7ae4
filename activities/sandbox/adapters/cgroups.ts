import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { access, mkdir, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../../domain/errors.ts';

/** What a box may use as a whole. */
export interface CgroupLimits {
  readonly memoryBytes: number;
  readonly processes: number;
  /** Processors' worth of time. */
  readonly cpus: number;
}

/** The group of one box. */
export interface BoxGroup {
  /** A process that writes its id into each of them, and all that it starts, are in the group. */
  readonly joinPaths: readonly string[];
  /** Processes that the kernel killed for want of memory. */
  readonly countOomKills: () => Promise<number>;
  /** Times that a process could not be started for the limit on them. */
  readonly countRefusedProcesses: () => Promise<number>;
  /** Kills all that is in it, and waits until nothing is. */
  readonly kill: () => Promise<void>;
  /** Removes it; it must be empty. */
  readonly remove: () => Promise<void>;
}

/** Control groups of boxes on this host: limits on all of a box at once, which no process of it can leave. */
export interface BoxGroups {
  readonly version: 1 | 2;
  readonly open: (name: string, limits: CgroupLimits) => Promise<BoxGroup>;
  /** Ends all that is in the group of this name, if there is one. */
  readonly kill: (name: string) => Promise<void>;
  /** Ends and removes the groups of this installation but those named. */
  readonly sweep: (readNames: () => Promise<ReadonlySet<string>>) => Promise<void>;
}

/** Files that say where the kernel's control groups are; tests have their own. */
export interface CgroupSource {
  readonly mountinfo: string;
  readonly own: string;
}

const controllers = ['memory', 'pids', 'cpu'] as const;
type Controller = (typeof controllers)[number];

/** Groups of all installations on a host are in one folder, which stays. */
const folder = 'longhaul';

/** Time slice that the processor limit is counted in, in microseconds. Source: the kernel's default. */
const cpuPeriodUs = 100_000;

/** A tenth of what an ordinary process has: the worker comes first where both want the processor. */
const weights = { v1: 102, v2: 10 } as const;

/**
 * Finds where this process may make groups with limits on memory, processes and processor: version 2 where it is delegated, version 1
 * for root. Null when there is no such place; then rlimits are all that is left. `installation` begins the names of its groups.
 */
export async function findBoxGroups(installation: string, source = kernelSource()): Promise<BoxGroups | null> {
  const mounts = parseMounts(source.mountinfo);
  const own = parseOwn(source.own);
  return (await openVersion2(installation, mounts, own)) ?? (await openVersion1(installation, mounts, own));
}

/** Which version {@link findBoxGroups} would use, looked at without making anything; null for neither. */
export function findGroupVersion(source = kernelSource()): 1 | 2 | null {
  const mounts = parseMounts(source.mountinfo);
  const own = parseOwn(source.own);
  const unified = mounts.find(({ type }) => type === 'cgroup2');
  if (unified !== undefined && basesOf(unified, own.get('')).some(isDelegated)) return 2;
  const hasAll = controllers.every((name) => {
    const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(name));
    return mount !== undefined && basesOf(mount, own.get(name)).some(isWritable);
  });
  return hasAll ? 1 : null;
}

function isDelegated(base: string): boolean {
  return isWritable(base) && offers(readIfThere(join(base, 'cgroup.controllers')));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function offers(list: string): boolean {
  const found = list.trim().split(/\s+/);
  return controllers.every((name) => found.includes(name));
}

function kernelSource(): CgroupSource {
  return { mountinfo: readIfThere('/proc/self/mountinfo'), own: readIfThere('/proc/self/cgroup') };
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

interface Mount {
  readonly point: string;
  readonly root: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** *Source:* proc_pid_mountinfo(5). */
function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    const [type, , options] = after.split(' ');
    if (root === undefined || point === undefined || (type !== 'cgroup' && type !== 'cgroup2')) return [];
    return [{ root, point, type, options: (options ?? '').split(',') }];
  });
}

/** Path of this process by controller; version 2 has no name. *Source:* cgroups(7). */
function parseOwn(text: string): Map<string, string> {
  const own = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (names !== undefined && path !== undefined) for (const name of names.split(',')) own.set(name, path);
  }
  return own;
}

/** The directories to try for new groups: beside this process, then at the top. */
function basesOf({ point, root }: Mount, ownPath = '/'): string[] {
  const below = join(point, relative(root, ownPath));
  return below === point || !below.startsWith(`${point}/`) ? [point] : [below, point];
}

async function openVersion2(
  installation: string,
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
): Promise<BoxGroups | null> {
  const mount = mounts.find(({ type }) => type === 'cgroup2');
  if (mount === undefined) return null;
  for (const base of basesOf(mount, own.get(''))) {
    const parent = join(base, folder);
    try {
      await enable(base);
      await mkdir(parent, { recursive: true });
      await enable(parent);
      return createGroups(2, { installation, parents: new Map(controllers.map((name) => [name, parent])) });
    } catch {
      // Not delegated, or taken: a group with processes of its own gives its children no limits.
    }
  }
  return null;
}

/** Lets children have limits. Throws when the group does not have the controllers to give. */
async function enable(group: string): Promise<void> {
  const has = async (file: string): Promise<boolean> => offers(await readFile(join(group, file), 'utf8'));
  if (await has('cgroup.subtree_control')) return;
  if (!(await has('cgroup.controllers'))) throw new Error(`${group} has not all of ${controllers.join(', ')}`);
  await writeFile(join(group, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
}

async function openVersion1(
  installation: string,
  mounts: readonly Mount[],
  own: ReadonlyMap<string, string>,
): Promise<BoxGroups | null> {
  const parents = new Map<Controller, string>();
  for (const name of controllers) {
    const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(name));
    const bases = mount === undefined ? [] : basesOf(mount, own.get(name));
    for (const base of bases) {
      const parent = join(base, folder);
      if (!(await makeFolder(parent))) continue;
      parents.set(name, parent);
      break;
    }
  }
  return parents.size === controllers.length ? createGroups(1, { installation, parents }) : null;
}

async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

interface Parents {
  readonly installation: string;
  readonly parents: ReadonlyMap<Controller, string>;
}

function createGroups(version: 1 | 2, { installation, parents }: Parents): BoxGroups {
  const parentOf = (name: Controller): string => parents.get(name) ?? '';
  const places = [...new Set(parents.values())];
  const groupOf = (name: string) => {
    const full = `${installation}.${name}`;
    const paths = places.map((place) => join(place, full));
    const group = createGroup(version, {
      paths,
      memory: join(parentOf('memory'), full),
      pids: join(parentOf('pids'), full),
    });
    return { ...group, paths };
  };
  return {
    version,
    open: async (name, limits) => {
      const settings = version === 2 ? settingsV2(limits) : settingsV1(limits);
      const pathOf = (controller: Controller): string => join(parentOf(controller), `${installation}.${name}`);
      const group = groupOf(name);
      for (const path of group.paths) await mkdir(path, { recursive: true });
      for (const { controller, file, value, isWish } of settings) {
        const written = writeFile(join(pathOf(controller), file), value);
        await (isWish === true ? written.catch(() => undefined) : written);
      }
      return group;
    },
    kill: async (name) => groupOf(name).kill(),
    sweep: async (readNames) => {
      const listed = await Promise.all(places.map(async (place) => readdir(place).catch(() => [])));
      const ours = listed.flat().filter((name) => name.startsWith(`${installation}.`));
      // Read after the groups: whoever opens a group is known by then.
      const known = await readNames();
      const old = new Set(ours.map((name) => name.slice(installation.length + 1)).filter((name) => !known.has(name)));
      for (const name of old) {
        await groupOf(name).kill();
        await groupOf(name).remove();
      }
    },
  };
}

interface Setting {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
  /** Not every kernel has it, and the limits hold without. */
  readonly isWish?: boolean;
}

/** *Source:* the kernel's admin guide, cgroup-v2. */
function settingsV2({ memoryBytes, processes, cpus }: CgroupLimits): Setting[] {
  return [
    { controller: 'memory', file: 'memory.max', value: String(memoryBytes) },
    { controller: 'memory', file: 'memory.swap.max', value: '0', isWish: true },
    { controller: 'memory', file: 'memory.oom.group', value: '1', isWish: true },
    { controller: 'pids', file: 'pids.max', value: String(processes) },
    { controller: 'cpu', file: 'cpu.max', value: `${Math.round(cpus * cpuPeriodUs)} ${cpuPeriodUs}` },
    { controller: 'cpu', file: 'cpu.weight', value: String(weights.v2), isWish: true },
  ];
}

/** *Source:* the kernel's admin guide, cgroup-v1. */
function settingsV1({ memoryBytes, processes, cpus }: CgroupLimits): Setting[] {
  return [
    { controller: 'memory', file: 'memory.limit_in_bytes', value: String(memoryBytes) },
    { controller: 'memory', file: 'memory.swappiness', value: '0', isWish: true },
    { controller: 'pids', file: 'pids.max', value: String(processes) },
    { controller: 'cpu', file: 'cpu.cfs_period_us', value: String(cpuPeriodUs) },
    { controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(Math.round(cpus * cpuPeriodUs)) },
    { controller: 'cpu', file: 'cpu.shares', value: String(weights.v1), isWish: true },
  ];
}

interface GroupPaths {
  readonly paths: readonly string[];
  readonly memory: string;
  readonly pids: string;
}

function createGroup(version: 1 | 2, { paths, memory, pids }: GroupPaths): BoxGroup {
  const members = async (): Promise<number[]> => {
    const text = await readFile(join(pids, 'cgroup.procs'), 'utf8').catch(() => '');
    return text.split('\n').filter(Boolean).map(Number);
  };
  return {
    joinPaths: paths.map((path) => join(path, 'cgroup.procs')),
    countOomKills: async () => {
      const file = version === 2 ? 'memory.events' : 'memory.oom_control';
      const text = await readFile(join(memory, file), 'utf8').catch(() => '');
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    countRefusedProcesses: async () => {
      const text = await readFile(join(pids, 'pids.events'), 'utf8').catch(() => '');
      return Number(/^max (\d+)$/m.exec(text)?.[1] ?? 0);
    },
    kill: async () => {
      for (let round = 0; round < 300; round += 1) {
        const found = await members();
        if (found.length === 0) return;
        for (const pid of found) kill(pid);
        await delay(5);
      }
      throw new AppError('Sandbox.Unavailable', { what: 'processes of the sandbox did not die after SIGKILL' });
    },
    remove: async () => {
      await Promise.allSettled(paths.map(rmdirPatiently));
    },
  };
}

/** The kernel lets go of the last process a moment after its death. */
async function rmdirPatiently(path: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await rmdir(path);
    } catch (error) {
      if (tries > 20 || !(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
      await delay(5);
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone; the next round looks again.
  }
}

import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Attachment } from '../ports.ts';
import { type BoxEnd, runBox } from './box-process.ts';
import type { BoxProgram } from './box-layout.ts';
import { type Host, toFilterPath } from './sandbox-host.ts';
import type { BoxGroup } from './cgroups.ts';
import { findExcess, isThere } from './host-files.ts';
import { type BoxOwner, killBox } from './sandbox-processes.ts';
import { toOwner } from './sandbox-removal.ts';

/** Where a box runs: the directory of an epoch, and the uid of its files. */
export interface BoxPlace {
  readonly path: string;
  readonly workPath: string;
  readonly uid: number | null;
}

/** What is run there. */
export interface BoxTask {
  readonly program: BoxProgram;
  readonly source: string | Uint8Array;
  readonly attachment?: Attachment | undefined;
  readonly timeoutMs: number;
}

/** Runs one program in a box of its own to its end; no process of it lives after. */
export async function runInBox(
  host: Host,
  place: BoxPlace,
  { program, source, attachment, timeoutMs, signal }: BoxTask & { readonly signal: AbortSignal },
): Promise<BoxEnd & { readonly notes: readonly string[] }> {
  const jobPath = await clearJob(place.path);
  const sourcePath = join(jobPath, 'main');
  await writeReadOnly(sourcePath, source);
  const attachmentPath = attachment === undefined ? null : join(jobPath, 'attachment');
  if (attachment !== undefined && attachmentPath !== null) await writeReadOnly(attachmentPath, await attachment.open());
  const owner = toOwner(host, place.path, place.uid);
  const limits = { ...host.limits, processes: host.limits.processes + host.runtime.spareProcesses };
  const group = (await (await host.groups())?.open(basename(place.path), limits)) ?? null;
  const plan = {
    limits: host.limits,
    program,
    uid: place.uid,
    workPath: place.workPath,
    jobPath,
    sourcePath,
    attachmentPath,
    etcPath: join(host.directory, '.etc'),
    cpuSeconds: Math.ceil(timeoutMs / 1_000) + 1,
    joinPaths: group?.joinPaths ?? [],
  };
  const start = {
    ...(await host.runtime.prepare(plan, host.filter === null ? null : toFilterPath(host))),
    jobPath,
    uid: place.uid,
    signal,
    timeoutMs,
    outputCodePoints: host.limits.outputCodePoints,
    killAll: async () => killAll(place, owner, group),
    watch: async () => findExcess(place.workPath, host.limits),
  };
  try {
    const end = await runBox(start);
    return { ...end, notes: group === null ? [] : await toNotes(host, group) };
  } finally {
    await group?.remove();
  }
}

/** Limits of the whole box that were met: the programs inside are killed or refused, and often do not say why. */
async function toNotes({ limits, runtime }: Host, group: BoxGroup): Promise<string[]> {
  const notes: string[] = [];
  const megabytes = Math.round(limits.memoryBytes / 1_048_576);
  if ((await group.countOomKills()) > 0) {
    notes.push(`killed for want of memory: the sandbox may use ${megabytes} MiB in all`);
  }
  if (runtime.spareProcesses > 0 && (await group.countRefusedProcesses()) > 0) {
    notes.push(`ended for too many processes: the sandbox may have ${limits.processes} at once`);
  }
  return notes;
}

async function writeReadOnly(path: string, content: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  await writeFile(path, content, { mode: 0o444, flag: 'wx' });
  // Explicit, because modes at creation go through the umask.
  await chmod(path, 0o444);
}

/** A group has all of the box; without one, processes are told by their owner. */
async function killAll({ path }: BoxPlace, owner: BoxOwner, group: BoxGroup | null): Promise<void> {
  if (group !== null) await group.kill();
  // Whoever removed the directory has killed everything in it, and its uid may be another sandbox's by now.
  else if (await isThere(path)) await killBox(owner);
}

/** A directory for this job's own files, emptied. The directory above is never made again: it may have been taken away. */
async function clearJob(path: string): Promise<string> {
  const jobPath = join(path, 'job');
  await rm(jobPath, { recursive: true, force: true });
  await mkdir(jobPath, { mode: 0o711 });
  await chmod(jobPath, 0o711);
  return jobPath;
}

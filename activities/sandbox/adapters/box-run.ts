import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Attachment } from '../ports.ts';
import { type BoxEnd, runBox } from './box-process.ts';
import { type BoxProgram, coveredCandidates, type CoveredNames, toBoxCommand } from './bubblewrap-arguments.ts';
import { type Host, toFilterPath } from './bubblewrap-host.ts';
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
): Promise<BoxEnd & { readonly oomKills: number }> {
  const jobPath = await clearJob(place.path);
  const sourcePath = join(jobPath, 'main');
  await writeReadOnly(sourcePath, source);
  const attachmentPath = attachment === undefined ? null : join(jobPath, 'attachment');
  if (attachment !== undefined && attachmentPath !== null) await writeReadOnly(attachmentPath, await attachment.open());
  const owner = toOwner(host, place.path, place.uid);
  const group = (await (await host.groups())?.open(basename(place.path), host.limits)) ?? null;
  const start = {
    command: toBoxCommand({
      bwrapPath: host.bwrapPath,
      limits: host.limits,
      program,
      uid: place.uid,
      workPath: place.workPath,
      sourcePath,
      attachmentPath,
      etcPath: join(host.directory, '.etc'),
      cpuSeconds: Math.ceil(timeoutMs / 1_000) + 1,
      joinPaths: group?.joinPaths ?? [],
      isFiltered: host.filter !== null,
      covered: toCovered(),
    }),
    filterPath: host.filter === null ? null : toFilterPath(host),
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
    return { ...end, oomKills: (await group?.countOomKills()) ?? 0 };
  } finally {
    await group?.remove();
  }
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

/** Those of the candidates that this kernel has. */
function toCovered(): CoveredNames {
  return { files: presentOf(coveredCandidates.files), directories: presentOf(coveredCandidates.directories) };
}

function presentOf(names: readonly string[]): string[] {
  return names.filter((name) => existsSync(`/proc/${name}`));
}

/** A directory for this job's own files, emptied. The directory above is never made again: it may have been taken away. */
async function clearJob(path: string): Promise<string> {
  const jobPath = join(path, 'job');
  await rm(jobPath, { recursive: true, force: true });
  await mkdir(jobPath, { mode: 0o711 });
  await chmod(jobPath, 0o711);
  return jobPath;
}

import { closeSync, constants, fstatSync, openSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs';

/** Longest report that is read. */
const maxReportBytes = 1024 * 1024;

const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads what the runner of Python code said of a run, and removes it: it is of this run alone.
 *
 * *Contract:* null when there is none, or something else stands in its place; follows no link and waits for nothing.
 */
export function takeReport(workPath: string): string | null {
  const opened: number[] = [];
  try {
    const root = openSync(workPath, directoryFlags);
    opened.push(root);
    const folder = openSync(`/proc/self/fd/${root}/.longhaul`, directoryFlags);
    opened.push(folder);
    const path = `/proc/self/fd/${folder}/python-report`;
    const file = openSync(path, fileFlags);
    opened.push(file);
    unlinkSync(path);
    removeIfEmpty(`/proc/self/fd/${root}/.longhaul`);
    const stats = fstatSync(file);
    return stats.isFile() && stats.size <= maxReportBytes ? readFileSync(file, 'utf8') : null;
  } catch {
    return null;
  } finally {
    for (const descriptor of opened.toReversed()) closeSync(descriptor);
  }
}

/** Without variables to keep, a call leaves nothing behind. */
function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // The variables are in it.
  }
}

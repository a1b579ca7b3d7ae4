import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const devStateSchema = z.looseObject({
  /** Process that holds the stack. */
  pid: z.int().min(1),
  api: z.url(),
  temporalUi: z.url().nullable(),
});

/** What a running development stack says of itself, for the command line. */
export type DevState = z.infer<typeof devStateSchema>;

/** Where the state of a stack over `dataDirectory` is. */
function devStateFile(dataDirectory: string): string {
  return join(dataDirectory, 'dev.json');
}

/** The state of the stack that runs over `dataDirectory`; null when none does, or a dead one left its file behind. */
export function readDevState(dataDirectory: string): DevState | null {
  try {
    const state = devStateSchema.parse(JSON.parse(readFileSync(devStateFile(dataDirectory), 'utf8')));
    return isAlive(state.pid) ? state : null;
  } catch {
    return null;
  }
}

/** Writes the state at once or not at all. */
export function writeDevState(dataDirectory: string, state: DevState): void {
  const file = devStateFile(dataDirectory);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.${state.pid}`, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(`${file}.${state.pid}`, file);
}

/** Takes the state away, if it is that of `pid`. */
export function removeDevState(dataDirectory: string, pid: number): void {
  if (readDevState(dataDirectory)?.pid === pid) rmSync(devStateFile(dataDirectory), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

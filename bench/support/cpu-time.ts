import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { median } from './statistics.ts';

/** Clock ticks a second in which the kernel counts; NaN where it does not tell. */
function readTicksPerSecond(): number {
  try {
    return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) || Number.NaN;
  } catch {
    return Number.NaN;
  }
}

/** CPU time that a group of processes uses while something runs. */
export interface CpuAccount {
  readonly during: <T>(run: () => Promise<T>) => Promise<T>;
  /** Median over the runs so far, in milliseconds; NaN where the system does not tell. */
  readonly medianMs: () => number;
}

/** An account for processes that live through all runs. */
export function createCpuAccount(pids: readonly number[]): CpuAccount {
  const ticksPerSecond = readTicksPerSecond();
  const used: number[] = [];
  const readMs = (): number => (pids.reduce((sum, pid) => sum + readTicks(pid), 0) * 1_000) / ticksPerSecond;
  return {
    during: async (run) => {
      const before = readMs();
      const result = await run();
      used.push(readMs() - before);
      return result;
    },
    medianMs: () => median(used),
  };
}

/** User and system time of all threads of a process. Source: fields 14 and 15 of proc(5) stat. */
function readTicks(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  const text = readFileSync(file, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

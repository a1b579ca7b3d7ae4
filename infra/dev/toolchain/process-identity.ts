import { readFileSync } from 'node:fs';

/** A process, told apart from a later one that got the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process; empty where `/proc` is missing. */
  readonly startedAt: string;
}

/** Identity of a living process, or null when it is gone or only waits to be reaped. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    if (!isErrorWithCode(error, 'EPERM')) return null;
  }
  const stat = readStat(pid);
  if (stat === null) return process.platform === 'linux' ? null : { pid, startedAt: '' };
  return stat.state === 'Z' ? null : { pid, startedAt: stat.startedAt };
}

/** Does the very process that `identity` names still live? */
export function isAlive(identity: ProcessIdentity): boolean {
  return identifyProcess(identity.pid)?.startedAt === identity.startedAt;
}

/** Is `error` a system error with this code? */
export function isErrorWithCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** *Source:* proc(5); the command in field 2 may hold spaces, so fields are counted after its closing parenthesis. */
function readStat(pid: number): { state: string; startedAt: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startedAt: fields[19] ?? '' };
  } catch {
    return null;
  }
}

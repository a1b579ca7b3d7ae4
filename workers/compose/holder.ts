import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Holder } from '../../activities/steps/ports.ts';

/** State and start time of a process: fields 3 and 22 of proc(5) stat; the second field may hold anything. */
function parseStat(text: string): { readonly state: string; readonly start: string } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', start: fields[19] ?? '' };
}

/** Where pids mean what they say: this host, and this container of it. */
function readPlace(): string {
  try {
    return `${hostname()}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return `${hostname()}/-`;
  }
}

function readOwnStart(): string {
  try {
    return parseStat(readFileSync('/proc/self/stat', 'utf8')).start;
  } catch {
    return '-';
  }
}

/** This process as the holder of claims. A pid alone does not name a process: it is given again. */
export function createHolder(): Holder {
  const place = readPlace();
  return {
    name: `${place}/${process.pid}/${readOwnStart()}`,
    newNonce: () => randomUUID(),
    isGone: async (holder) => {
      const cut = holder.split('/');
      const [pid = '', start = ''] = cut.slice(-2);
      if (cut.slice(0, -2).join('/') !== place || start === '-' || !/^\d+$/u.test(pid)) return false;
      try {
        const stat = parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'));
        return stat.start !== start || stat.state === 'Z' || stat.state === 'X';
      } catch (error) {
        return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
      }
    },
  };
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../support/processes.ts';
import type { SandboxOrder, SandboxReport } from './sandbox-order.ts';

const childPath = fileURLToPath(new URL('./sandbox-child.ts', import.meta.url));

/** A worker process with one step to do. */
export interface SandboxWorker {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly reports: readonly SandboxReport[];
  /** Resolves when it is stopped by a signal. */
  readonly stopped: () => Promise<void>;
  /** Resolves with its last word when it is gone; null when it was killed first. */
  readonly ended: Promise<SandboxReport | null>;
}

/** Starts one; whoever starts it sees to its end. */
export function startWorker(order: SandboxOrder): SandboxWorker {
  const child = fork(childPath, [], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const reports: SandboxReport[] = [];
  child.on('message', (message: SandboxReport) => reports.push(message));
  const pid = child.pid ?? 0;
  child.send(order);
  return {
    pid,
    child,
    reports,
    stopped: async () => {
      await waitFor(`process ${pid} to be stopped`, async () => (stateOf(pid) === 'T' ? true : null));
    },
    ended: once(child, 'exit').then(() => reports.find(({ kind }) => kind !== 'point') ?? null),
  };
}

function stateOf(pid: number): string {
  return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

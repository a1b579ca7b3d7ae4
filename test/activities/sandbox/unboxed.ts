import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { isRoot } from './sandbox-fixture.ts';

/** How a program without a box ended. */
export interface UnboxedEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs Python with nothing between it and the host but, for root, mounts of its own: what it mounts goes with it.
 *
 * It has a descriptor that somebody forgot to close, and a secret in its environment.
 */
export async function runUnboxed(source: string): Promise<UnboxedEnd> {
  const python = ['/bin/bash', '-c', 'exec 3</etc/passwd; exec /usr/bin/python3 -'];
  const command = isRoot ? ['/usr/bin/unshare', '--mount', '--propagation', 'private', ...python] : python;
  const child = spawn(command[0] ?? '', command.slice(1), { env: { ...process.env, WORKER_SECRET: 'x' } });
  child.stdin.end(source);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { exitCode: child.exitCode, stdout, stderr };
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { StoreJob, StoreOrder } from './store-job.ts';
import type { StoreSpec } from './store-spec.ts';

interface ChildMessage {
  readonly ready?: true;
  readonly held?: true;
  readonly acknowledged?: string;
  readonly result?: unknown;
  readonly failed?: string;
}

/** A child process that holds its order and waits for `go`. */
export interface StoreChild {
  readonly process: ChildProcess;
  readonly go: () => void;
  /** The first message that `pick` takes; throws when the child fails or ends before. */
  readonly next: <T>(pick: (message: ChildMessage) => T | undefined) => Promise<T>;
  /** SIGKILL, and wait until it is gone. */
  readonly kill: () => Promise<void>;
}

export async function startChild(order: StoreOrder): Promise<StoreChild> {
  const child = fork(join(import.meta.dirname, 'store-child.ts'), { execArgv: [], serialization: 'advanced' });
  const next: StoreChild['next'] = (pick) =>
    new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void =>
        reject(new Error(`store child ended early (${code ?? signal})`));
      child.once('exit', onExit);
      const onMessage = (message: ChildMessage): void => {
        const picked = pick(message);
        if (picked === undefined && message.failed === undefined) return;
        child.off('message', onMessage);
        child.off('exit', onExit);
        if (picked === undefined) reject(new Error(`store child failed: ${message.failed}`));
        else resolve(picked);
      };
      child.on('message', onMessage);
    });
  const ready = next((message) => message.ready);
  child.send(order);
  await ready;
  return {
    process: child,
    go: () => void child.send('go'),
    next,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Runs the job in `count` processes that start together; their results. */
export async function race(spec: StoreSpec, job: StoreJob, count: number): Promise<unknown[]> {
  const names = Array.from({ length: count }, (_, index) => `child-${index}`);
  const children = await Promise.all(names.map((name) => startChild({ spec, job, name })));
  try {
    const results = children.map((child) => child.next((message) => message.result));
    for (const child of children) child.go();
    return await Promise.all(results);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
}

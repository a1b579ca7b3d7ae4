import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApplicationFailure, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { toTaskQueue } from '../domain/receipt.ts';
import type { WorkerConfig } from './compose/config.ts';
import { createInFlight, type LostActivity } from './in-flight.ts';
import { failLostTasks, workerDied } from './lost-tasks.ts';
import { findStickyQueue, releaseStickyQueue } from './sticky-queue.ts';
import { exitRefused, internalNames, workerMessageSchema } from './supervision.ts';

/** What a supervisor shows of itself. */
export interface SupervisorState {
  /** True while a worker polls. */
  readonly ready: boolean;
  readonly workerPid: number | null;
  readonly restarts: number;
  readonly inFlight: number;
  readonly workerMetricsPort: number | null;
}

/** Holds a worker process: when it dies its activities are failed at once and it is started again. */
export interface Supervisor {
  readonly state: () => SupervisorState;
  /** Lets the worker finish what it can, and resolves when it is gone. */
  readonly drain: () => Promise<void>;
  /** Ends the worker at once. */
  readonly kill: () => void;
  /** Resolves with the exit code once no further worker will be started. */
  readonly ended: Promise<number>;
}

export interface SupervisorOptions {
  readonly config: WorkerConfig;
  readonly client: Client;
  readonly logger: Logger;
  readonly env: NodeJS.ProcessEnv;
}

const childPath = fileURLToPath(new URL('./child.ts', import.meta.url));

/** Waits before a worker is started again: the first time none, then longer; forgotten after a quiet minute. */
const restartDelaysMs = [0, 250, 1_000, 2_000, 5_000, 10_000];
const quietMs = 60_000;

/** Pauses before each look for tasks that were lost on their way to a dead worker. */
const sweepAfterMs = [50, 400, 1_500];

/** Starts a worker and keeps it alive. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-worker-'));
  const supervision = new Supervision(options, directory);
  supervision.launch();
  void supervision.ended.then(() => rm(directory, { recursive: true, force: true }));
  return {
    state: () => supervision.state(),
    drain: () => supervision.drain(),
    kill: () => supervision.kill(),
    ended: supervision.ended,
  };
}

class Supervision {
  readonly ended: Promise<number>;
  readonly #options: SupervisorOptions;
  readonly #directory: string;
  readonly #identity = `longhaul@${hostname()}`;
  readonly #inFlight = createInFlight(() => Date.now());
  readonly #end: (code: number) => void;
  #child: ChildProcess | null = null;
  #ready = false;
  #proven = false;
  #draining = false;
  #restarts = 0;
  #recentDeaths = 0;
  #startedAtMs = 0;
  #metricsPort: number | null = null;
  #stickyQueue: string | null = null;
  #stickyTimer: NodeJS.Timeout | null = null;

  constructor(options: SupervisorOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.ended = promise;
    this.#end = resolve;
  }

  state(): SupervisorState {
    return {
      ready: this.#ready,
      workerPid: this.#child?.pid ?? null,
      restarts: this.#restarts,
      inFlight: this.#inFlight.count(),
      workerMetricsPort: this.#metricsPort,
    };
  }

  launch(): void {
    const child = fork(childPath, [], {
      env: {
        ...this.#options.env,
        NODE_COMPILE_CACHE: join(this.#directory, 'compiled'),
        [internalNames.bundle]: join(this.#directory, 'workflows.js'),
        [internalNames.identity]: this.#identity,
        [internalNames.proven]: this.#proven ? '1' : '0',
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#ready = false;
    this.#startedAtMs = Date.now();
    child.on('message', (message) => this.#hear(child, message));
    child.once('exit', (code, signal) => this.#bury(child, { code, signal }));
  }

  #hear(child: ChildProcess, raw: unknown): void {
    const message = workerMessageSchema.parse(raw);
    if (message.type === 'activity-start' || message.type === 'activity-end') this.#inFlight.note(message);
    else if (message.type === 'ready') {
      this.#ready = true;
      this.#proven = true;
      this.#metricsPort = message.metricsPort;
      this.#options.logger.info({ workerPid: child.pid, pools: this.#options.config.pools }, 'worker ready');
      this.#watchStickyQueue();
    }
  }

  #bury(child: ChildProcess, exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null }): void {
    if (this.#child !== child) return;
    this.#child = null;
    this.#ready = false;
    this.#metricsPort = null;
    if (this.#stickyTimer !== null) clearInterval(this.#stickyTimer);
    const lost = this.#inFlight.lose();
    if (this.#draining || exit.code === exitRefused) {
      void this.#failLost(lost).finally(() => this.#end(exit.code === exitRefused ? exitRefused : 0));
      return;
    }
    this.#options.logger.warn(
      { ...exit, workerPid: child.pid, inFlight: lost.length },
      'worker died; starting another',
    );
    this.#restarts += 1;
    if (Date.now() - this.#startedAtMs > quietMs) this.#recentDeaths = 0;
    const delayMs = restartDelaysMs[Math.min(this.#recentDeaths, restartDelaysMs.length - 1)] ?? 0;
    this.#recentDeaths += 1;
    void this.#failLost(lost).then(() => this.#sweepLost(child.pid ?? 0));
    void this.#releaseSticky(child.pid ?? 0);
    if (delayMs === 0) this.launch();
    else setTimeout(() => this.#draining || this.launch(), delayMs);
  }

  async #failLost(lost: readonly LostActivity[]): Promise<void> {
    await Promise.all(
      lost.map(async ({ token, poison }) => {
        const failure = poison
          ? ApplicationFailure.nonRetryable('the step ended its worker three times', 'Worker.Poison')
          : workerDied();
        try {
          await this.#options.client.activity.fail(Buffer.from(token, 'base64'), failure);
        } catch {
          // The engine no longer waits for it: it was completed, timed out or cancelled in the meantime.
        }
      }),
    );
  }

  /** Looks for tasks that were on their way to the dead worker; some reach the engine's books only after the death. */
  async #sweepLost(pid: number): Promise<void> {
    const { client, config } = this.#options;
    const identities = new Set(config.pools.map((pool) => `${this.#identity}:${pool}:${pid}`));
    const workflowQueue = toTaskQueue(config.queuePrefix, 'orchestrator');
    for (const waitMs of sweepAfterMs) {
      await delay(waitMs);
      if (this.#draining) return;
      try {
        const found = await failLostTasks({ client, workflowQueue, identities });
        if (found > 0)
          this.#options.logger.info({ found }, 'tasks lost on their way to the dead worker are tried again');
      } catch (error) {
        this.#options.logger.warn(
          { err: error },
          'lost tasks could not be looked for; their heartbeat time-out does it',
        );
      }
    }
  }

  /** Learns the sticky queue's name while the worker lives: nothing can be asked of a dead one. */
  #watchStickyQueue(): void {
    if (!this.#options.config.pools.includes('orchestrator')) return;
    this.#stickyQueue = null;
    const { pid } = this.#child ?? {};
    this.#stickyTimer = setInterval(() => void this.#learnStickyQueue(pid ?? 0), 2_000);
    this.#stickyTimer.unref();
  }

  async #learnStickyQueue(pid: number): Promise<void> {
    if (this.#stickyQueue !== null || this.#child?.pid !== pid) return;
    this.#stickyQueue = await findStickyQueue(this.#dead(pid)).catch(() => null);
  }

  #dead(pid: number) {
    const { client, config } = this.#options;
    return {
      client,
      taskQueue: toTaskQueue(config.queuePrefix, 'orchestrator'),
      identity: `${this.#identity}:orchestrator:${pid}`,
    };
  }

  async #releaseSticky(pid: number): Promise<void> {
    if (!this.#options.config.pools.includes('orchestrator')) return;
    try {
      const dead = this.#dead(pid);
      const queue = this.#stickyQueue ?? (await findStickyQueue(dead));
      if (queue !== null) await releaseStickyQueue(dead, queue);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'the sticky queue could not be released; its time-out does it');
    }
  }

  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#child === null) this.#end(0);
    else if (this.#ready) this.#child.send({ type: 'drain' });
    else this.#child.kill('SIGKILL');
    await this.ended;
  }

  kill(): void {
    this.#draining = true;
    if (this.#child === null) this.#end(1);
    else this.#child.kill('SIGKILL');
  }
}

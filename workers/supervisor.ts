import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, type Client } from '@temporalio/client';
import type { Logger } from 'pino';
import { toTaskQueue } from '../domain/receipt.ts';
import type { WorkerConfig } from './compose/config.ts';
import { createInFlight, type LostActivity } from './in-flight.ts';
import { failLostTasks, workerDied } from './lost-tasks.ts';
import { findStickyQueue, releaseStickyQueue } from './sticky-queue.ts';
import { exitRefused, internalNames, type WorkerMessage } from './supervision.ts';
import { type WorkerExit, WorkerProcess } from './worker-process.ts';

/** What a supervisor shows of itself. */
export interface SupervisorState {
  /** True while a worker polls. */
  readonly ready: boolean;
  readonly workerPid: number | null;
  readonly restarts: number;
  /** Is a second worker loaded, to take over? Null when none is kept. */
  readonly standby: boolean | null;
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

/** Waits before a worker is started again when the one before died as soon as it served. */
const restartDelaysMs = [0, 250, 1_000, 2_000, 5_000, 10_000];

/** A worker that served for this long did not die of its own start: the next one follows at once. */
const soundMs = 1_000;

/** When a standby is loaded, after a worker began to serve or a standby failed. */
const standbyAfterMs = 1_000;
const standbyRetryMs = 10_000;

/** Pauses before each look for tasks that were lost on their way to a dead worker. */
const sweepAfterMs = [50, 400, 1_500];

/** Starts a worker and keeps it alive. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const directory = await mkdtemp(join(tmpdir(), 'longhaul-worker-'));
  const supervision = new Supervision(options, directory);
  supervision.launch();
  return {
    state: () => supervision.state(),
    drain: () => supervision.drain(),
    kill: () => supervision.kill(),
    ended: endIn(supervision, directory),
  };
}

/** The exit code, once the worker's folder is gone too. */
async function endIn(supervision: Supervision, directory: string): Promise<number> {
  const code = await supervision.ended;
  await rm(directory, { recursive: true, force: true });
  return code;
}

class Supervision {
  readonly ended: Promise<number>;
  readonly #options: SupervisorOptions;
  readonly #directory: string;
  readonly #identity = `longhaul@${hostname()}`;
  readonly #inFlight = createInFlight(() => Date.now());
  readonly #end: (code: number) => void;
  #active: WorkerProcess | null = null;
  #standby: WorkerProcess | null = null;
  #proven = false;
  #draining = false;
  #restarts = 0;
  #recentDeaths = 0;
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
    const ready = this.#active !== null && this.#active.servingSinceMs !== null;
    return {
      ready,
      workerPid: this.#active?.pid ?? null,
      restarts: this.#restarts,
      standby: this.#options.config.standby ? (this.#standby?.metricsPort ?? null) !== null : null,
      inFlight: this.#inFlight.count(),
      workerMetricsPort: ready ? (this.#active?.metricsPort ?? null) : null,
    };
  }

  /** The standby serves, or a new worker as soon as it is loaded. */
  launch(): void {
    if (this.#draining) return;
    this.#active = this.#standby ?? this.#fork();
    this.#standby = null;
    this.#active.begin();
  }

  #fork(): WorkerProcess {
    return new WorkerProcess({
      env: {
        ...this.#options.env,
        NODE_COMPILE_CACHE: join(this.#directory, 'compiled'),
        [internalNames.bundle]: join(this.#directory, 'workflows.js'),
        [internalNames.identity]: this.#identity,
        [internalNames.proven]: this.#proven ? '1' : '0',
      },
      onMessage: (worker, message) => this.#hear(worker, message),
      onExit: (worker, exit) => (worker === this.#active ? this.#bury(worker, exit) : this.#loseStandby(worker)),
    });
  }

  #hear(worker: WorkerProcess, message: WorkerMessage): void {
    if (message.type === 'activity-start' || message.type === 'activity-end') this.#inFlight.note(message);
    if (message.type !== 'ready') return;
    this.#proven = true;
    this.#options.logger.info({ workerPid: worker.pid, pools: this.#options.config.pools }, 'worker ready');
    this.#watchStickyQueue();
    this.#loadStandby(standbyAfterMs);
  }

  #loadStandby(afterMs: number): void {
    if (!this.#options.config.standby) return;
    const timer = setTimeout(() => {
      if (!this.#draining && this.#standby === null && this.state().ready) this.#standby = this.#fork();
    }, afterMs);
    timer.unref();
  }

  #loseStandby(worker: WorkerProcess): void {
    if (this.#standby !== worker) return;
    this.#standby = null;
    this.#loadStandby(standbyRetryMs);
  }

  #bury(worker: WorkerProcess, exit: WorkerExit): void {
    this.#active = null;
    if (this.#stickyTimer !== null) clearInterval(this.#stickyTimer);
    const lost = this.#inFlight.lose();
    if (this.#draining || exit.code === exitRefused) {
      this.#draining = true;
      this.#standby?.kill();
      void this.#failLost(lost).finally(() => this.#end(exit.code === exitRefused ? exitRefused : 0));
      return;
    }
    const facts = { ...exit, workerPid: worker.pid, inFlight: lost.length };
    this.#options.logger.warn(facts, 'worker died; another takes over');
    this.#restarts += 1;
    const servedMs = worker.servingSinceMs === null ? 0 : Date.now() - worker.servingSinceMs;
    this.#recentDeaths = servedMs >= soundMs ? 0 : this.#recentDeaths + 1;
    const delayMs = restartDelaysMs[Math.min(this.#recentDeaths, restartDelaysMs.length - 1)] ?? 0;
    void this.#failLost(lost).then(() => this.#sweepLost(worker.pid));
    void this.#releaseSticky(worker.pid);
    if (delayMs === 0) this.launch();
    else setTimeout(() => this.launch(), delayMs);
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
    const pid = this.#active?.pid ?? 0;
    this.#stickyTimer = setInterval(() => void this.#learnStickyQueue(pid), 2_000);
    this.#stickyTimer.unref();
  }

  async #learnStickyQueue(pid: number): Promise<void> {
    if (this.#stickyQueue !== null || this.#active?.pid !== pid) return;
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
    this.#standby?.kill();
    if (this.#active === null) this.#end(0);
    else this.#active.drain();
    await this.ended;
  }

  kill(): void {
    this.#draining = true;
    this.#standby?.kill();
    if (this.#active === null) this.#end(1);
    else this.#active.kill();
  }
}

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type SupervisorMessage, type WorkerMessage, workerMessageSchema } from './supervision.ts';

const childPath = fileURLToPath(new URL('./child.ts', import.meta.url));

/**
 * Young generation of a worker's heap, in MB: prompts of a megabyte live for one call, and with the default of 16 each call would
 * move several of them about.
 */
const semiSpaceMb = 64;

/** How a process ended. */
export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface WorkerProcessOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly onMessage: (worker: WorkerProcess, message: WorkerMessage) => void;
  readonly onExit: (worker: WorkerProcess, exit: WorkerExit) => void;
}

/** A worker as its supervisor sees it: first it loads, then it stands by, then it serves. */
export class WorkerProcess {
  /** Null until it is loaded. */
  metricsPort: number | null = null;
  /** When it began to poll, in milliseconds since the epoch; null before. */
  servingSinceMs: number | null = null;
  #mayBegin = false;
  readonly #child: ChildProcess;

  constructor(options: WorkerProcessOptions) {
    this.#child = fork(childPath, [], {
      env: options.env,
      execArgv: [...process.execArgv, `--max-semi-space-size=${semiSpaceMb}`],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (raw) => {
      const message = workerMessageSchema.parse(raw);
      if (message.type === 'prepared') this.#prepared(message.metricsPort);
      if (message.type === 'ready') this.servingSinceMs = Date.now();
      options.onMessage(this, message);
    });
    this.#child.once('exit', (code, signal) => options.onExit(this, { code, signal }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Lets it poll, at once or as soon as it is loaded. */
  begin(): void {
    this.#mayBegin = true;
    if (this.metricsPort !== null) this.#send({ type: 'begin' });
  }

  /** Lets it finish; one that does not poll yet has nothing to finish. */
  drain(): void {
    if (this.servingSinceMs === null) this.kill();
    else this.#send({ type: 'drain' });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #prepared(metricsPort: number): void {
    this.metricsPort = metricsPort;
    if (this.#mayBegin) this.#send({ type: 'begin' });
  }

  #send(message: SupervisorMessage): void {
    // A process that has just died closes its channel; its exit is what counts.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

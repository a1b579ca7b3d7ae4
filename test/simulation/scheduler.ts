import { AppError } from '../../domain/errors.ts';
import type { Clock } from '../../activities/steps/ports.ts';
import type { Random } from '../support/random.ts';

/** A simulated process: what it waits for is done only while it runs. */
export interface Actor {
  readonly name: string;
  state: 'running' | 'frozen' | 'gone';
  /** When it was frozen, in simulated milliseconds. */
  frozenAtMs: number;
}

interface Operation {
  readonly actor: Actor;
  readonly perform: () => void;
  /** What happens to it when its process dies meanwhile: requests that have left still arrive. */
  readonly survives: boolean;
}

function away(): AppError {
  return new AppError('Storage.Unavailable', { what: 'simulated' });
}

interface Timer {
  readonly actor: Actor;
  readonly atMs: number;
  readonly fire: () => void;
}

/** How a call to a simulated service may go wrong. */
export interface Faults {
  /** Chance that it is done, but the caller is told otherwise. */
  readonly lostAnswer: number;
  /** Chance that it is not done. */
  readonly refused: number;
}

/**
 * Interleaves simulated processes: nothing happens by itself, and what happens next is the seed's choice.
 *
 * Time stands still but for timers, so that an hour passes in no time.
 */
export class Scheduler {
  nowMs = 1_000_000;
  readonly random: Random;
  readonly operations: Operation[] = [];
  #timers: Timer[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  /** A call to a service: done when the scheduler chooses it. */
  call<T>(
    actor: Actor,
    work: () => T,
    options: { readonly faults?: Faults; readonly survives?: boolean } = {},
  ): Promise<T> {
    const { faults = { lostAnswer: 0, refused: 0 }, survives = false } = options;
    return new Promise((resolve, reject) => {
      const perform = (): void => {
        if (this.random.chance(faults.refused)) return reject(away());
        const answer = work();
        if (this.random.chance(faults.lostAnswer)) return reject(away());
        resolve(answer);
      };
      // What a process had begun to say when it died is never said.
      if (actor.state !== 'gone') this.operations.push({ actor, perform, survives });
    });
  }

  clockOf(actor: Actor): Clock {
    return {
      now: () => this.nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve, reject) => {
          const cancel = (): void => {
            this.#timers = this.#timers.filter((timer) => timer.fire !== resolve);
            reject(new AppError('Worker.Drained', { what: 'simulated' }));
          };
          if (actor.state === 'gone') return;
          if (signal.aborted) return cancel();
          signal.addEventListener('abort', cancel, { once: true });
          this.#timers.push({ actor, atMs: this.nowMs + ms, fire: resolve });
        }),
    };
  }

  /** Does one thing of a running process; false when none of them has anything to do now. */
  performOne(): boolean {
    const ready = this.operations.filter(({ actor }) => actor.state === 'running');
    if (ready.length === 0) return false;
    this.#take(this.random.pick(ready));
    return true;
  }

  /** Lets time pass to the next timer of a running process, and fires it; false when there is none. */
  advance(): boolean {
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.actor.state !== 'running') continue;
      if (next === null || timer.atMs < next.atMs) next = timer;
    }
    if (next === null) return false;
    this.nowMs = Math.max(this.nowMs, next.atMs);
    this.#timers.splice(this.#timers.indexOf(next), 1);
    next.fire();
    return true;
  }

  /** The process dies: what it waited for is never answered, and what had left it may still arrive. */
  kill(actor: Actor): void {
    actor.state = 'gone';
    for (const operation of this.operations.filter((candidate) => candidate.actor === actor)) {
      if (operation.survives && this.random.chance(0.5)) operation.perform();
      this.operations.splice(this.operations.indexOf(operation), 1);
    }
    this.#timers = this.#timers.filter((timer) => timer.actor !== actor);
  }

  #take(operation: Operation): void {
    this.operations.splice(this.operations.indexOf(operation), 1);
    operation.perform();
  }
}

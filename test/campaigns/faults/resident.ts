/** A process under a resident's name: what is left of it once it is gone settles `exited`. */
export interface Incarnation {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly stop: () => Promise<void>;
}

/** A process that is started again after a crash, at the same address, as an operator's init would. */
export interface Resident {
  readonly name: string;
  /** Null while it is down. */
  readonly pid: () => number | null;
  /** SIGKILL, and waits until it is gone. `false` when it was down already. */
  readonly crash: () => Promise<boolean>;
  /** Starts it, and waits until it is ready. Does nothing while it is up. */
  readonly start: () => Promise<void>;
  /** Asks it to end. */
  readonly stop: () => Promise<void>;
}

/** SIGKILL and the like for a process that may be gone by now; `false` when it is. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** A resident out of what starts it. @throws what `launch` throws */
export function createResident(name: string, launch: () => Promise<Incarnation>): Resident {
  let current: Incarnation | null = null;
  let starting: Promise<void> | null = null;
  const launchOnce = async (): Promise<void> => {
    const next = await launch();
    current = next;
    void forgetAt(next);
  };
  const forgetAt = async (incarnation: Incarnation): Promise<void> => {
    await incarnation.exited;
    if (current === incarnation) current = null;
  };
  return {
    name,
    pid: () => current?.pid ?? null,
    crash: async () => {
      const victim = current;
      if (victim === null) return false;
      const fired = signalProcess(victim.pid, 'SIGKILL');
      await victim.exited;
      return fired;
    },
    start: async () => {
      if (current !== null) return;
      starting ??= launchOnce().finally(() => (starting = null));
      await starting;
    },
    stop: async () => {
      await current?.stop();
    },
  };
}

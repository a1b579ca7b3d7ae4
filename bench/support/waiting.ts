import { setTimeout as delay } from 'node:timers/promises';

/** How a wait may end other than by what is waited for. */
export interface Patience {
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  readonly limitMs: number;
  /** What is waited for, for the error. */
  readonly what: string;
}

/** The promise's value, or an error when it takes too long or the bench is ended. */
export async function within<T>(promise: Promise<T>, { signal, limitMs, what }: Patience): Promise<T> {
  signal.throwIfAborted();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  const timer = setTimeout(() => reject(new Error(`${what} did not happen within ${limitMs / 1_000} s`)), limitMs);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Asks until there is an answer. @throws when it takes too long or the bench is ended */
export async function waitFor<T>(ask: () => Promise<T | null>, patience: Patience, everyMs = 10): Promise<T> {
  const deadline = performance.now() + patience.limitMs;
  for (;;) {
    patience.signal.throwIfAborted();
    const answer = await ask();
    if (answer !== null) return answer;
    if (performance.now() > deadline) {
      throw new Error(`${patience.what} did not happen within ${patience.limitMs / 1_000} s`);
    }
    await delay(everyMs, undefined, { signal: patience.signal });
  }
}

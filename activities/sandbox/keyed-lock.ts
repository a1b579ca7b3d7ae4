/** Runs tasks of one key one after the other, in the order of the calls; tasks of different keys run side by side. */
export type KeyedLock = <Value>(key: string, task: () => Promise<Value>) => Promise<Value>;

/** A lock that holds within this process. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, task) => {
    const before = tails.get(key) ?? Promise.resolve();
    const current = before.then(task, task);
    tails.set(key, current);
    try {
      return await current;
    } finally {
      if (tails.get(key) === current) tails.delete(key);
    }
  };
}

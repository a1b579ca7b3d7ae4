import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Lets others run now and then in a long loop of synchronous work: heartbeats, and the steps beside this one.
 *
 * *Contract:* null while the slice is not used up; else a promise for the next turn of the event loop.
 */
export function createPace(sliceMs = 10): () => Promise<void> | null {
  let sliceEndsMs = performance.now() + sliceMs;
  const rest = async (): Promise<void> => {
    await nextTurn();
    sliceEndsMs = performance.now() + sliceMs;
  };
  return () => {
    if (performance.now() < sliceEndsMs) return null;
    return rest();
  };
}

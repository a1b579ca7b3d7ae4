import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../activities/steps/ports.ts';

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal });
  },
};

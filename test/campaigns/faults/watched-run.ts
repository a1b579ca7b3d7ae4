import { setTimeout as delay } from 'node:timers/promises';
import { type ApiClient, createApiClient } from '../../../cli/api-client.ts';
import { toAppError } from '../../../domain/errors.ts';
import { fromPublicId } from '../../../api/runs/run-schemas.ts';
import type { RunRef } from '../../../domain/ids.ts';
import type { Arena } from './arena.ts';
import { agentName } from './workload.ts';

/** A run that is looked at while it works. */
export interface WatchedRun {
  readonly id: string;
  readonly run: RunRef;
  /** Digests of the records seen so far, by slot: none of them may ever change. */
  readonly seen: readonly string[];
  readonly hasEnded: () => boolean;
  /** Settles when the run has ended by the word of the API. @throws when it has not after `limitMs` */
  readonly ended: Promise<void>;
}

const pollMs = 40;

/** Asks until somebody answers: the API may just have been killed. */
async function insist<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (error) {
      if (toAppError(error).type !== 'Engine.Unavailable') throw error;
      await delay(200, undefined, { signal });
    }
  }
}

/** Submits a question through the API, under a key, so that a submission that was cut off is made once. */
export async function submitWatched(arena: Arena, question: string, limitMs: number): Promise<WatchedRun> {
  const { signal } = arena.context;
  const client = createApiClient(arena.apiUrl);
  const key = crypto.randomUUID();
  const { id } = await insist(() => client.submit({ input: question, profile: agentName }, key), signal);
  const run = { tenant: 'default', runId: fromPublicId(id) ?? '' };
  const seen: string[] = [];
  const state = { ended: false };
  const ended = watch({ arena, client, id, run, seen, limitMs }).finally(() => (state.ended = true));
  // Whoever waits hears of the failure; until then it is nobody's.
  ended.catch(() => {});
  return { id, run, seen, hasEnded: () => state.ended, ended };
}

interface Watch {
  readonly arena: Arena;
  readonly client: ApiClient;
  readonly id: string;
  readonly run: RunRef;
  readonly seen: string[];
  readonly limitMs: number;
}

async function watch({ arena, client, id, run, seen, limitMs }: Watch): Promise<void> {
  const { signal } = arena.context;
  const { trajectory } = arena.storage;
  const deadline = performance.now() + limitMs;
  for (;;) {
    // The store itself may be away: then nothing is seen for a while.
    const step = await trajectory.readStep({ ...run, seq: seen.length }).catch(() => null);
    if (step !== null) {
      seen.push(step.digest);
      continue;
    }
    if ((await insist(() => client.read(id), signal)).outcome !== null) return;
    if (performance.now() > deadline) throw new Error(`run ${id} has not ended after ${limitMs / 1_000} s`);
    await delay(pollMs, undefined, { signal });
  }
}

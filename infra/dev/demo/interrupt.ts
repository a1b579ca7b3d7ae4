import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../../../cli/api-client.ts';
import { followEvents } from '../../../cli/event-stream.ts';
import type { Stack } from '../stack/stack.ts';
import { type Interruption, killDuringCall } from './kill-model.ts';
import type { Records } from './records.ts';

/** What is needed to kill the model worker at the right moment. */
export interface InterruptOptions {
  readonly stack: Stack;
  readonly client: ApiClient;
  readonly runId: string;
  readonly records: Records;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Turn from which on a call is interrupted: some steps are recorded by then. */
const fromTurn = 4;
/** How long a real model's call must last before it is interrupted. */
const inFlightMs = 400;

/** Kills the model worker once, during one call; null when the run ended before there was one. */
export async function interruptOnce(options: InterruptOptions): Promise<Interruption | null> {
  const { modelLog } = options.stack.urls;
  return modelLog === null ? interruptRealCall(options) : interruptLoggedCall(options, modelLog);
}

async function interruptLoggedCall(options: InterruptOptions, logUrl: string): Promise<Interruption | null> {
  const { stack, signal, say, records } = options;
  let recorded = 0;
  const done = await killDuringCall({
    stack,
    logUrl,
    fromCall: fromTurn,
    signal,
    onKill: (pid) => {
      say(`      >>> kill -9 ${pid}: the model worker dies in the middle of a call`);
      void records.count().then((count) => (recorded = count));
    },
  });
  if (done?.resumedMs != null) {
    const kept = recorded === 0 ? 'nothing of what was recorded before' : `none of the ${recorded} steps before it`;
    say(`      >>> the same call is asked again ${done.resumedMs} ms later by a new worker; ${kept} is asked again`);
  }
  return done;
}

/** A real model keeps no log for us: a call is in flight when its step has begun and not ended for a while. */
async function interruptRealCall(options: InterruptOptions): Promise<Interruption | null> {
  const { stack, client, runId, signal, say } = options;
  const open = (after: number | null, inner: AbortSignal) => client.openEvents(runId, after, inner);
  const finished = new Set<unknown>();
  const pending: Promise<Interruption | null>[] = [];
  const kill = async (seq: unknown): Promise<Interruption | null> => {
    await delay(inFlightMs);
    const workerPid = finished.has(seq) || signal.aborted ? null : await stack.workerPid('model');
    if (workerPid === null) return null;
    process.kill(workerPid, 'SIGKILL');
    say(`      >>> kill -9 ${workerPid}: the model worker dies in the middle of step ${String(seq)}`);
    return { workerPid, stepKey: '', resumedMs: null };
  };
  let killed = false;
  for await (const { type, data } of followEvents({ open, after: null, signal })) {
    if (type === 'step.completed' || type === 'step.failed') finished.add(data['seq']);
    const isCall = type === 'step.started' && data['kind'] === 'model' && Number(data['turn']) >= fromTurn;
    if (!isCall || killed) continue;
    const attempt = kill(data['seq']).then((result) => {
      killed ||= result !== null;
      return result;
    });
    pending.push(attempt);
  }
  return (await Promise.all(pending)).find((result) => result !== null) ?? null;
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Stack } from '../stack/stack.ts';
import { type ModelRequest, readModelLog } from './request-logs.ts';

/** What was killed, and how it went on. */
export interface Interruption {
  readonly workerPid: number;
  /** Key of the step that was in flight. */
  readonly stepKey: string;
  /** From SIGKILL to the arrival of the step's next request, in milliseconds; null when it never came. */
  readonly resumedMs: number | null;
}

export interface KillOptions {
  readonly stack: Stack;
  readonly logUrl: string;
  /** Calls of the agent that must have been begun, the one to interrupt included. */
  readonly fromCall: number;
  readonly signal: AbortSignal;
  readonly onKill: (workerPid: number) => void;
}

const POLL_MS = 20;
/** The call is in the middle of its work, not at its very beginning. */
const minAgeMs = 120;
const RESUME_MS = 30_000;

/**
 * Kills the model worker with SIGKILL while exactly one call, the agent's own, is in flight, and waits for its next request.
 *
 * Null when `signal` aborted before there was such a call.
 */
export async function killDuringCall(options: KillOptions): Promise<Interruption | null> {
  const call = await waitForCall(options);
  if (call === null || call.stepKey === null) return null;
  const workerPid = await options.stack.workerPid('model');
  if (workerPid === null) return null;
  process.kill(workerPid, 'SIGKILL');
  const killedAtMs = Date.now();
  options.onKill(workerPid);
  const again = await waitForNext(options.logUrl, call);
  const resumedMs = again === null ? null : Date.parse(again.at) - killedAtMs;
  return { workerPid, stepKey: call.stepKey, resumedMs };
}

async function waitForCall({ logUrl, fromCall, signal }: KillOptions): Promise<ModelRequest | null> {
  while (!signal.aborted) {
    const requests = await readModelLog(logUrl);
    const open = requests.filter((request) => request.outcome === 'open');
    const ofAgent = requests.filter((request) => request.session !== null);
    const [call] = open;
    const isAlone = open.length === 1 && call !== undefined && call.session !== null;
    if (isAlone && ofAgent.length >= fromCall && Date.now() - Date.parse(call.at) >= minAgeMs) return call;
    await delay(POLL_MS);
  }
  return null;
}

async function waitForNext(logUrl: string, call: ModelRequest): Promise<ModelRequest | null> {
  const deadline = performance.now() + RESUME_MS;
  while (performance.now() < deadline) {
    const requests = await readModelLog(logUrl);
    const again = requests.find((request) => request.index > call.index && request.stepKey === call.stepKey);
    if (again !== undefined) return again;
    await delay(POLL_MS);
  }
  return null;
}

import { isCancellation } from '@temporalio/workflow';
import { applyGivenUp, applyMessage, applyModel, applyModelFailure } from '../domain/apply-step.ts';
import { type Action, deadlineMs } from '../domain/decide-next.ts';
import type { RunEnd } from '../domain/outcome.ts';
import type { StepFailure } from '../domain/record.ts';
import { closeSlot, isFatal, toFailedRun } from './close.ts';
import { askPerson } from './holds.ts';
import { modelPool } from './pools.ts';
import { countEvents, type RunShell, toRootFailure } from './run-shell.ts';

/** What the final answer may take beyond the run's wall limit. */
const finalGraceMs = 15 * 60_000;

type ModelAction = Extract<Action, { type: 'model' }>;

/** What is left of the run's time, in milliseconds. */
export function timeLeftMs(shell: RunShell): number {
  return Math.max(0, deadlineMs(shell.state) - Date.now());
}

/** Performs a model call; the run's end when it was the final one or failed for good. */
export async function performModel(shell: RunShell, action: ModelAction): Promise<RunEnd | null> {
  shell.isEnding = action.purpose === 'final';
  for (;;) {
    const tried = await tryModel(shell, action);
    if (tried.type === 'done') return tried.end;
    const { failure, error } = tried;
    if (isFatal(failure)) return toFailedRun(failure);
    const isOpen = !isCancellation(error) && mayAsk(shell, failure) && (await askRetry(shell, failure));
    if (isOpen) continue;
    const end = await closeModel(shell, action, failure);
    if (isCancellation(error)) throw error;
    return end;
  }
}

type Tried =
  | { readonly type: 'done'; readonly end: RunEnd | null }
  | { readonly type: 'failed'; readonly failure: StepFailure; readonly error: unknown };

async function tryModel(shell: RunShell, action: ModelAction): Promise<Tried> {
  const { state, queuePrefix } = shell;
  const { purpose, firstLive } = action;
  const isFinal = purpose === 'final';
  const turn = state.spent.turns + 1;
  const summary = isFinal ? 'final answer' : `turn ${turn} · model`;
  const withinMs = timeLeftMs(shell) + (isFinal ? finalGraceMs : 0);
  countEvents(shell, 2);
  try {
    const model = modelPool({ queuePrefix, withinMs, summary });
    const step = { ...shell.run, seq: state.nextSeq, turn };
    const receipt = await model.callModel({ ...step, head: state.head, purpose, firstLive });
    const applied = applyModel(shell.state, action, receipt);
    shell.state = applied.state;
    return { type: 'done', end: applied.end };
  } catch (error) {
    const failure = toRootFailure(error);
    if (failure === null) throw error;
    return { type: 'failed', failure, error };
  }
}

/** A limit behind a failure is the run's own business; anything else a person may look at where the profile says so. */
function mayAsk({ state }: RunShell, failure: StepFailure): boolean {
  const isLimit = failure.type === 'Model.ContextOverflow' || Date.now() >= deadlineMs(state);
  return state.facts.onStepFailure === 'pause' && !isLimit;
}

async function askRetry(shell: RunShell, failure: StepFailure): Promise<boolean> {
  const why = `${failure.type}: ${failure.message}`;
  const decision = await askPerson(shell, { seq: shell.state.nextSeq, kind: 'model', cause: 'failed', why });
  return decision.action === 'retry';
}

/** Closes the slot of a call that gave nothing: a late success that won is taken, else the failure. */
async function closeModel(shell: RunShell, action: ModelAction, failure: StepFailure): Promise<RunEnd | null> {
  const { state } = shell;
  const step = { ...shell.run, seq: state.nextSeq, turn: state.spent.turns + 1 };
  const closed = await closeSlot(shell, { ...step, kind: 'model', call: null, failure });
  if (closed.model !== null) {
    const applied = applyModel(shell.state, action, closed.model);
    shell.state = applied.state;
    return applied.end;
  }
  const { recordDigest } = closed;
  if (shell.state.holds.finalize !== null && action.purpose === 'turn') {
    shell.state = applyGivenUp(shell.state, recordDigest);
    return null;
  }
  const applied = applyModelFailure(shell.state, action, { recordDigest, nowMs: Date.now(), failure });
  shell.state = applied.state;
  return applied.end;
}

/** Records a person's message as a step. */
export async function performMessage(
  shell: RunShell,
  { message }: Extract<Action, { type: 'message' }>,
): Promise<RunEnd | null> {
  const { state } = shell;
  countEvents(shell, 2);
  const step = { ...shell.run, seq: state.nextSeq, turn: state.spent.turns };
  const { recordDigest, contentTokens } = await shell.runs.recordMessage({ ...step, message });
  shell.state = applyMessage(shell.state, { recordDigest, tokens: contentTokens });
  return null;
}

import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
  makeContinueAsNewFunc,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishedRun } from '../activities/runs/contract.ts';
import { nothingSpent } from '../domain/budget.ts';
import { type Carry, toStartState } from '../domain/carry.ts';
import { type Action, decideNext } from '../domain/decide-next.ts';
import type { Pause } from '../domain/holds.ts';
import { type RunEnd, toStatus } from '../domain/outcome.ts';
import type { ResearchRun, ResearchRunInput } from './contract.ts';
import { registerHolds } from './holds.ts';
import { performMessage, performModel } from './perform.ts';
import { performTools } from './perform-tools.ts';
import { runPool, sandboxPool } from './pools.ts';
import { countEvents, noteHeldTime, type RunShell, toRootFailure } from './run-shell.ts';
import { searchAttributes } from './search-attributes.ts';
import { costAttribute, describe, standingOf, tellStanding } from './status.ts';

/** Events of one execution before the run continues as new: early, so that the worst replay is a fraction of a second. */
const continueAtEvents = 690;

const cancelled: RunEnd = { outcome: 'cancelled', stopReason: 'cancelled', limitHit: null, failure: null };

/**
 * One run of a research task: decides with `domain`, performs with the pools, holds receipts and never text.
 *
 * Ends with an outcome in every case: cancellation and failures are recorded before they are told to the engine.
 */
export async function researchRun(input: ResearchRunInput): Promise<FinishedRun> {
  const shell = openShell(input);
  // Before anything is awaited: a hold may come with the first task.
  registerHolds(shell);
  try {
    if (input.carry === null) await begin(shell);
    for (;;) {
      throwIfCancelled();
      const action = decideNext(shell.state, Date.now());
      if (action.type === 'end') return await finish(shell, action.end);
      const end = await perform(shell, action);
      if (end !== null) return await finish(shell, end);
      describe(shell.state);
      if (shouldContinue(shell.state)) await continueAsNew(shell);
    }
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => finish(shell, cancelled));
      throw error;
    }
    const failure = toRootFailure(error);
    if (failure === null) throw error;
    return await CancellationScope.nonCancellable(() =>
      finish(shell, { outcome: 'failed', stopReason: 'error', limitHit: null, failure }),
    );
  }
}

function perform(shell: RunShell, action: Exclude<Action, { type: 'end' }>): Promise<RunEnd | null> {
  if (action.type === 'model') return performModel(shell, action);
  if (action.type === 'tools') return performTools(shell, action.planned);
  return action.type === 'message' ? performMessage(shell, action) : standStill(shell, action.pause);
}

/** Stands still until a person lets the run go on; holds that come meanwhile may make the history long. */
async function standStill(shell: RunShell, pause: Pause): Promise<null> {
  shell.state = { ...shell.state, holds: { ...shell.state.holds, paused: pause } };
  noteHeldTime(shell);
  tellStanding(standingOf(shell));
  await condition(() => shell.state.holds.paused === null || shouldContinue(shell.state));
  if (shell.state.holds.paused === null) tellStanding(standingOf(shell));
  return null;
}

/** A cancellation that arrived between two steps: no further one is begun. */
function throwIfCancelled(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the run was cancelled');
}

function openShell(input: ResearchRunInput): RunShell {
  const { tenant, runId, manifestDigest, queuePrefix, carry } = input;
  const run = { tenant, runId };
  const state = carry ?? toStartState(run, manifestDigest, workflowInfo().startTime.getTime());
  return { run, queuePrefix, state, runs: runPool(queuePrefix), waiting: new Map(), isEnding: false };
}

async function begin(shell: RunShell): Promise<void> {
  countEvents(shell, 2);
  const { tenant, runId, manifestDigest } = shell.state;
  const { facts, parent, message, resumed } = await shell.runs.openRun({ tenant, runId, manifestDigest });
  const { holds } = shell.state;
  const messages = message === null ? holds.messages : [message, ...holds.messages];
  shell.state = {
    ...shell.state,
    facts,
    parent,
    spent: nothingSpent(facts.prices),
    ...resumed,
    holds: { ...holds, messages },
  };
  tellStanding(standingOf(shell));
}

function isLong(): boolean {
  const info = workflowInfo();
  return info.historyLength >= continueAtEvents || info.continueAsNewSuggested;
}

function shouldContinue(state: Carry): boolean {
  return state.pending === null && isLong();
}

async function continueAsNew(shell: RunShell): Promise<never> {
  await condition(allHandlersFinished);
  const { status, waitingFor } = standingOf(shell);
  const next = makeContinueAsNewFunc<ResearchRun>({
    workflowType: 'researchRun',
    typedSearchAttributes: [
      { key: searchAttributes.status, value: status },
      { key: searchAttributes.tenant, value: shell.run.tenant },
      { key: searchAttributes.profile, value: shell.state.facts.profile },
      ...(waitingFor === null ? [] : [{ key: searchAttributes.waitingFor, value: waitingFor }]),
      ...costAttribute(shell.state),
    ],
  });
  const { manifestDigest } = shell.state;
  return next({ ...shell.run, manifestDigest, queuePrefix: shell.queuePrefix, carry: shell.state });
}

/** Sandboxes away, outcome written, index updated; a failed run is told to the engine as failed. */
async function finish(shell: RunShell, end: RunEnd): Promise<FinishedRun> {
  shell.isEnding = true;
  const { state } = shell;
  if (state.usesSandbox) {
    await CancellationScope.nonCancellable(async () => {
      try {
        await sandboxPool(shell.queuePrefix).destroySandboxes(shell.run);
      } catch {
        // The pool is down: its reaper removes the sandbox of a run that has its outcome.
      }
    });
  }
  const finished = await CancellationScope.nonCancellable(() =>
    shell.runs.finishRun({
      ...shell.run,
      manifestDigest: state.manifestDigest,
      head: state.head,
      steps: state.nextSeq,
      end,
      spent: state.spent,
      limits: state.facts.limits,
      startedAtMs: state.startedAtMs,
      endedAtMs: Date.now(),
    }),
  );
  upsertSearchAttributes([
    { key: searchAttributes.status, value: toStatus(finished.outcome) },
    { key: searchAttributes.outcome, value: finished.outcome },
    { key: searchAttributes.waitingFor, value: null },
    ...costAttribute(state),
  ]);
  if (finished.outcome !== 'failed') return finished;
  const failure = end.failure ?? { type: 'Internal.Bug', message: 'the run failed' };
  throw ApplicationFailure.create({
    type: failure.type,
    message: failure.message,
    nonRetryable: true,
    details: [finished],
  });
}

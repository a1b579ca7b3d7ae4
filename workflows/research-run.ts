import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  makeContinueAsNewFunc,
  setCurrentDetails,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishedRun, OpenedRun } from '../activities/runs/contract.ts';
import { nothingSpent } from '../domain/budget.ts';
import type { Carry } from '../domain/carry.ts';
import { decideNext } from '../domain/decide-next.ts';
import { type RunEnd, toStatus } from '../domain/outcome.ts';
import type { ResearchRun, ResearchRunInput } from './contract.ts';
import { type RunShell, toRootFailure } from './run-shell.ts';
import { runPool, sandboxPool } from './pools.ts';
import { performModel, performTools } from './perform.ts';
import { searchAttributes } from './search-attributes.ts';

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
  try {
    if (input.carry === null) await begin(shell);
    for (;;) {
      throwIfCancelled();
      const action = decideNext(shell.state, Date.now());
      if (action.type === 'end') return await finish(shell, action.end);
      const end =
        action.type === 'model' ? await performModel(shell, action) : await performTools(shell, action.planned);
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

/** A cancellation that arrived between two steps: no further one is begun. */
function throwIfCancelled(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the run was cancelled');
}

function openShell(input: ResearchRunInput): RunShell {
  const { tenant, runId, manifestDigest, queuePrefix } = input;
  const run = { tenant, runId };
  // Until the manifest is read there are no facts; a run that fails before that still needs a state to end with.
  return { run, queuePrefix, state: input.carry ?? emptyState(run, manifestDigest), runs: runPool(queuePrefix) };
}

async function begin(shell: RunShell): Promise<void> {
  shell.state = { ...shell.state, nextEvent: shell.state.nextEvent + 2 };
  const { tenant, runId, manifestDigest } = shell.state;
  const opened: OpenedRun = await shell.runs.openRun({ tenant, runId, manifestDigest });
  const { facts, parent } = opened;
  shell.state = { ...shell.state, facts, parent, spent: nothingSpent(facts.prices) };
  upsertSearchAttributes([{ key: searchAttributes.status, value: 'in_progress' }]);
}

function emptyState(run: { readonly tenant: string; readonly runId: string }, manifestDigest: string): Carry {
  return {
    schemaVersion: 1,
    ...run,
    manifestDigest,
    parent: null,
    facts: {
      profile: '',
      question: '',
      limits: {
        maxTurns: 1,
        maxToolCalls: 0,
        maxTokens: null,
        maxWallMs: 1_000,
        maxCostMicroUsd: null,
        onExceed: 'finalize',
      },
      prices: null,
      keep: -1,
      windowTokens: 0,
      maxTokens: 0,
      baseTokens: 0,
      finalTokens: 0,
      readerReserve: null,
      readerTools: [],
    },
    startedAtMs: workflowInfo().startTime.getTime(),
    nextSeq: 0,
    nextEvent: 1,
    head: manifestDigest,
    spent: nothingSpent(null),
    promptScale: 1_000,
    thoughtTokens: 0,
    observationTokens: [],
    rejectedInRow: 0,
    usesSandbox: false,
    pending: null,
    finalizing: null,
  };
}

/** What the engine's own page shows of a live run; costs no event. */
function describe(state: Carry): void {
  const { turns, toolCalls, inputTokens, outputTokens } = state.spent;
  setCurrentDetails(
    `**${state.facts.question}**\n\nturn ${turns} · ${toolCalls} tool calls · ${inputTokens + outputTokens} tokens · step ${state.nextSeq}`,
  );
}

function shouldContinue(state: Carry): boolean {
  const info = workflowInfo();
  return state.pending === null && (info.historyLength >= continueAtEvents || info.continueAsNewSuggested);
}

async function continueAsNew(shell: RunShell): Promise<never> {
  const next = makeContinueAsNewFunc<ResearchRun>({
    workflowType: 'researchRun',
    typedSearchAttributes: [
      { key: searchAttributes.status, value: 'in_progress' },
      { key: searchAttributes.tenant, value: shell.run.tenant },
      { key: searchAttributes.profile, value: shell.state.facts.profile },
      ...costAttribute(shell.state),
    ],
  });
  const { manifestDigest } = shell.state;
  return next({ ...shell.run, manifestDigest, queuePrefix: shell.queuePrefix, carry: shell.state });
}

function costAttribute(state: Carry) {
  const { costMicroUsd } = state.spent;
  return costMicroUsd === null ? [] : [{ key: searchAttributes.costMicroUsd, value: costMicroUsd }];
}

/** Sandboxes away, outcome written, index updated; a failed run is told to the engine as failed. */
async function finish(shell: RunShell, end: RunEnd): Promise<FinishedRun> {
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
      startedAtMs: state.startedAtMs,
      endedAtMs: Date.now(),
    }),
  );
  upsertSearchAttributes([
    { key: searchAttributes.status, value: toStatus(finished.outcome) },
    { key: searchAttributes.outcome, value: finished.outcome },
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

import { extractBoxed } from '../../domain/boxed.ts';
import { failures, toAppError } from '../../domain/errors.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import { toPreview } from '../../domain/receipt.ts';
import { trajectoryRoot } from '../../domain/record.ts';
import type { History } from '../storage/history-reader.ts';
import type { FinishedRun, FinishRunInput } from './contract.ts';
import type { RunPorts } from './ports.ts';

/** Writes the outcome, and hands the run to the archive. Idempotent. */
export async function finishRun(ports: RunPorts, input: FinishRunInput): Promise<FinishedRun> {
  const history = await readHistory(ports, input);
  const outcome = await ports.trajectory.putOutcome(await toOutcome(ports, input, history));
  await ports.startArchive({ tenant: input.tenant, runId: input.runId });
  return {
    outcome: outcome.outcome,
    stopReason: outcome.stopReason,
    trajectoryDigest: outcome.trajectoryDigest,
    preview: toPreview(outcome.answer ?? outcome.failure?.message ?? outcome.stopReason),
  };
}

/** A run that failed, or was cancelled, gets its outcome also when its records cannot be read: it then holds no chain. */
async function readHistory(ports: RunPorts, input: FinishRunInput): Promise<History | null> {
  try {
    return await ports.history.read(input, input.steps, input.head);
  } catch (error) {
    const failure = toAppError(error);
    const isOver = input.end.outcome === 'failed' || input.end.outcome === 'cancelled';
    if (isOver && failures[failure.type].retry === 'never') return null;
    throw failure;
  }
}

async function toOutcome(ports: RunPorts, input: FinishRunInput, history: History | null): Promise<RunOutcome> {
  const final = history?.steps.findLast(
    (step) => step.record.status === 'ok' && step.record.model?.purpose === 'final',
  );
  const report = final === undefined ? null : await ports.history.textOf(input, final);
  return {
    schemaVersion: 1,
    tenant: input.tenant,
    runId: input.runId,
    outcome: input.end.outcome,
    stopReason: input.end.stopReason,
    limitHit: input.end.limitHit,
    failure: input.end.failure,
    answer: input.end.outcome === 'answered' && report !== null ? extractBoxed(report) : null,
    report,
    sources: history === null ? [] : toSources(history),
    effects: history === null ? [] : toEffects(history),
    extraAttempts: history?.steps.reduce((sum, { record }) => sum + record.delivery - 1, 0) ?? 0,
    spent: input.spent,
    limits: input.limits,
    costMicroUsd: input.spent.costMicroUsd,
    steps: input.steps,
    head: input.head,
    trajectoryDigest: history?.trajectory ?? trajectoryRoot,
    startedAtMs: input.startedAtMs,
    endedAtMs: input.endedAtMs,
  };
}

const maxEffects = 500;

/** Calls that were made and that no fork undoes. */
function toEffects(history: History): RunOutcome['effects'] {
  return history.steps
    .filter(({ record }) => (record.effect === 'keyed' || record.effect === 'unkeyed') && record.requestDigest !== null)
    .slice(0, maxEffects)
    .map(({ record }) => ({ seq: record.seq, tool: record.tool?.tool ?? '', effect: record.effect }));
}

/** The pages that were read, each once, in the order of reading. */
function toSources(history: History): RunOutcome['sources'] {
  const sources = new Map<string, RunOutcome['sources'][number]>();
  for (const { record } of history.steps) {
    const source = record.tool?.source;
    if (source === null || source === undefined || sources.has(source.url)) continue;
    // How and when it was read is told by its step.
    sources.set(source.url, { url: source.url, title: source.title });
  }
  return [...sources.values()];
}

import { extractBoxed } from '../../domain/boxed.ts';
import type { RunFacts } from '../../domain/carry.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { AppError, failures, toAppError } from '../../domain/errors.ts';
import { digestManifest, type RunManifest } from '../../domain/manifest.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import { toPreview } from '../../domain/receipt.ts';
import { trajectoryRoot } from '../../domain/record.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import { noUsage } from '../../domain/usage.ts';
import { judgeCall, readCalls, toModelReceipt, toToolReceipt } from '../steps/receipts.ts';
import { runActivity } from '../steps/run-activity.ts';
import type { History, HistoryReader } from '../storage/history-reader.ts';
import type { StepDraft, TrajectoryStore } from '../storage/trajectory-store.ts';
import type {
  ClosedStep,
  CloseStepInput,
  FinishedRun,
  FinishRunInput,
  OpenedRun,
  OpenRunInput,
  RunActivities,
} from './contract.ts';

/** Ports of the orchestrator's activities. */
export interface RunPorts {
  readonly trajectory: TrajectoryStore;
  readonly history: HistoryReader;
  readonly now: () => number;
}

const maxFaults = 5;

/** The activities of the orchestrator's own queue. */
export function createRunActivities(ports: RunPorts): RunActivities {
  return {
    openRun: (input) => runActivity({ maxFaults }, () => openRun(ports, input)),
    closeStep: (input) => runActivity({ maxFaults }, () => closeStep(ports, input)),
    finishRun: (input) => runActivity({ maxFaults }, () => finishRun(ports, input)),
  };
}

async function openRun(ports: RunPorts, input: OpenRunInput): Promise<OpenedRun> {
  const manifest = await ports.history.readManifest(input);
  if (digestManifest(manifest) !== input.manifestDigest) {
    throw new AppError('Input.NoManifest', {
      what: `run ${input.runId} was started with another manifest than the store has`,
    });
  }
  return { facts: toFacts(manifest), parent: manifest.parent };
}

function toFacts(manifest: RunManifest): RunFacts {
  const { profile, limits, question } = manifest;
  const dialect = dialectOf(profile);
  const readerTools = manifest.tools.filter((tool) => tool.name === 'scrape_and_extract_info').map((tool) => tool.name);
  const pageTokens = Math.ceil(profile.reader.maxPageChars / 2);
  return {
    profile: profile.name,
    question: toPreview(question),
    limits,
    prices: profile.prices,
    keep: profile.retention.keep,
    windowTokens: profile.model.windowTokens,
    maxTokens: profile.model.maxTokens,
    baseTokens: estimateTokens(manifest.systemPrompt) + estimateTokens(dialect.taskMessage(question)),
    finalTokens: estimateTokens(dialect.finalPrompt(question)),
    readerReserve:
      readerTools.length === 0 ? null : { promptTokens: pageTokens, completionTokens: profile.reader.maxTokens },
    readerTools,
  };
}

async function closeStep(ports: RunPorts, input: CloseStepInput): Promise<ClosedStep> {
  const manifest = await ports.history.readManifest(input);
  const draft = await toClosingDraft(ports, input, manifest);
  const { step } = await ports.trajectory.putStep(input, draft);
  const isModel = step.record.kind === 'model';
  return {
    recordDigest: step.digest,
    model: isModel && step.record.status === 'ok' ? await toModelReceipt(ports.trajectory, manifest, step) : null,
    tool: isModel ? null : await toToolReceipt(ports.trajectory, input.tenant, step),
  };
}

async function toClosingDraft(ports: RunPorts, input: CloseStepInput, manifest: RunManifest): Promise<StepDraft> {
  const nowMs = ports.now();
  const asked = input.call === null ? null : await readAsked(ports, input, manifest);
  const failure = asked?.refusal ?? input.failure;
  const observation =
    asked === null
      ? null
      : dialectOf(manifest.profile).formatObservation(asked, { status: 'failed', message: failure.message });
  return {
    record: {
      schemaVersion: 1,
      runId: input.runId,
      seq: input.seq,
      kind: input.kind,
      turn: input.turn,
      attempt: 1,
      requestDigest: null,
      effect: asked?.effect ?? 'read',
      status: 'failed',
      failure: { type: failure.type, message: failure.message.slice(0, 1_500) },
      contentTokens: observation === null ? 0 : estimateTokens(observation),
      usage: noUsage,
      costMicroUsd: 0,
      startedAtMs: nowMs,
      endedAtMs: nowMs,
      delivery: 1,
      model: null,
      tool:
        input.call === null || asked === null
          ? null
          : {
              server: asked.server,
              tool: asked.tool,
              modelSeq: input.call.modelSeq,
              callIndex: input.call.callIndex,
              source: null,
              sandbox: null,
            },
    },
    contents: observation === null ? {} : { observation },
  };
}

/** The call behind a tool slot, and why it was refused if it was. */
async function readAsked(ports: RunPorts, input: CloseStepInput, manifest: RunManifest) {
  const modelSeq = input.call?.modelSeq ?? 0;
  const callIndex = input.call?.callIndex ?? 0;
  const model = await ports.trajectory.readStep({ ...input, seq: modelSeq });
  const call = model === null ? undefined : (await readCalls(ports.trajectory, input.tenant, model))[callIndex];
  if (call === undefined) throw new AppError('Storage.Missing', { what: `call ${callIndex} of step ${modelSeq}` });
  const { refusal } = judgeCall(manifest, call, callIndex);
  const effect = manifest.tools.find((tool) => tool.name === call.tool)?.effect ?? ('read' as const);
  return { server: call.server, tool: call.tool, effect, refusal };
}

async function finishRun(ports: RunPorts, input: FinishRunInput): Promise<FinishedRun> {
  const history = await readHistory(ports, input);
  const outcome = await ports.trajectory.putOutcome(await toOutcome(ports, input, history));
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
    spent: input.spent,
    costMicroUsd: input.spent.costMicroUsd,
    steps: input.steps,
    head: input.head,
    trajectoryDigest: history?.trajectory ?? trajectoryRoot,
    startedAtMs: input.startedAtMs,
    endedAtMs: input.endedAtMs,
  };
}

/** The pages that were read, each once, in the order of reading. */
function toSources(history: History): RunOutcome['sources'] {
  const sources = new Map<string, RunOutcome['sources'][number]>();
  for (const { record } of history.steps) {
    const source = record.tool?.source;
    if (source !== null && source !== undefined && !sources.has(source.url)) sources.set(source.url, source);
  }
  return [...sources.values()];
}

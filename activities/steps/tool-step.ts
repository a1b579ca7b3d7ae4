import { costOf } from '../../domain/budget.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { digestFields, toCanonicalJson } from '../../domain/digest.ts';
import { AppError, failures, toAppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { StepRecord } from '../../domain/record.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { ToolCall, ToolDefinition } from '../../domain/tools.ts';
import { noUsage, type TokenUsage } from '../../domain/usage.ts';
import type { HistoryReader } from '../storage/history-reader.ts';
import type { StepContents, TrajectoryStore } from '../storage/trajectory-store.ts';
import type { ToolActivities, ToolStepInput } from './contract.ts';
import { performStep, type StepWork } from './perform-step.ts';
import type { Clock, StepScope } from './ports.ts';
import { readCalls, toToolReceipt } from './receipts.ts';
import { runActivity } from './run-activity.ts';

/** What a tool gets beside its arguments. */
export interface ToolContext {
  readonly tenant: string;
  readonly runId: string;
  readonly seq: number;
  readonly stepKey: string;
  readonly signal: AbortSignal;
  readonly manifest: RunManifest;
  readonly around: StepSurroundings;
}

/** What a tool can see of the steps around its own. */
export interface StepSurroundings {
  readonly modelSeq: number;
  readonly callIndex: number;
  /** The calls of the same message that stand before this one, in order. */
  readonly earlierCalls: readonly ToolCall[];
  /** The record of another slot of the run, of its parent for a fork's prefix; null while it is empty. */
  readonly recordOf: (seq: number) => Promise<StepRecord | null>;
  /** Says what the attempt waits for; null when it goes on. */
  readonly reportWaiting: StepScope['reportWaiting'];
}

/** What a tool gives. */
export interface ToolResult {
  /** What the model is shown. */
  readonly text: string;
  readonly usage?: TokenUsage;
  readonly source?: { readonly url: string; readonly title: string | null };
  /** Kept beside the observation, for audit and citation. */
  readonly contents?: Pick<StepContents, 'page' | 'raw'>;
  /** The sandbox that it worked in, and the digest of its files after it; null for no files. */
  readonly sandbox?: { readonly id: string; readonly treeDigest: string | null };
}

/** One tool. Throws `Tool.*`, `Sandbox.*` or `Model.*` failures; those that are final become the observation. */
export type ToolHandler = (args: unknown, context: ToolContext) => Promise<ToolResult>;

/** Faults of a tool after which it has failed. Source: MiroThinker, 3 tries. */
const maxFaults = 3;

/** Ports of a pool's tool steps. */
export interface ToolStepPorts {
  readonly trajectory: TrajectoryStore;
  readonly history: HistoryReader;
  readonly clock: Clock;
  readonly handlers: Readonly<Record<string, ToolHandler>>;
}

/** The tool activities of a pool. */
export function createToolActivities(ports: ToolStepPorts): ToolActivities {
  return {
    callTool: (input) => runActivity({ maxFaults }, (scope) => callTool(ports, input, scope)),
  };
}

async function callTool(ports: ToolStepPorts, input: ToolStepInput, scope: StepScope) {
  const manifest = await ports.history.readManifest(input);
  const { call, tool, earlierCalls } = await readCall(ports, input, manifest);
  const step = await performStep(
    { ledger: ports.trajectory, clock: ports.clock, scope },
    {
      slot: input,
      kind: 'tool',
      turn: input.turn,
      requestDigest: digestFields(['tool', call.server, call.tool, toCanonicalJson(call.arguments)]),
      effect: tool.effect,
    },
    async (stepKey) => {
      const { tenant, runId, seq, modelSeq, callIndex } = input;
      const { signal, reportWaiting } = scope;
      const recordOf = (other: number) => readRecord(ports, input, other);
      const around = { modelSeq, callIndex, earlierCalls, recordOf, reportWaiting };
      const context: ToolContext = { tenant, runId, seq, stepKey, signal, manifest, around };
      return toWork(await attempt(ports.handlers[tool.name], call, { context, scope }), { call, input, manifest });
    },
  );
  return toToolReceipt(ports.trajectory, input.tenant, step);
}

async function readRecord(ports: ToolStepPorts, run: RunRef, seq: number): Promise<StepRecord | null> {
  const owner = await ports.history.ownerOf(run, seq);
  return (await ports.trajectory.readStep({ ...owner, seq }))?.record ?? null;
}

async function readCall(
  ports: ToolStepPorts,
  input: ToolStepInput,
  manifest: RunManifest,
): Promise<{ call: ToolCall; tool: ToolDefinition; earlierCalls: readonly ToolCall[] }> {
  const model = await ports.trajectory.readStep({ ...input, seq: input.modelSeq });
  if (model === null) throw new AppError('Storage.Missing', { what: `step ${input.modelSeq} of run ${input.runId}` });
  if (model.digest !== input.modelRecord) {
    throw new AppError('Storage.Corrupt', {
      what: `step ${input.modelSeq} of run ${input.runId} is not the one that asked`,
    });
  }
  const calls = await readCalls(ports.trajectory, input.tenant, model);
  const call = calls[input.callIndex];
  const tool = manifest.tools.find((candidate) => candidate.name === call?.tool);
  if (call === undefined || tool === undefined) {
    throw new AppError('Tool.Unknown', { what: `call ${input.callIndex} of step ${input.modelSeq}` });
  }
  return { call, tool, earlierCalls: calls.slice(0, input.callIndex) };
}

/** Runs the tool; a failure that no further attempt would change is a result. */
async function attempt(
  handler: ToolHandler | undefined,
  call: ToolCall,
  surroundings: { readonly context: ToolContext; readonly scope: StepScope },
): Promise<ToolResult | AppError> {
  if (handler === undefined) return new AppError('Tool.Unknown', { what: `${call.tool} is not served by this pool` });
  try {
    return await handler(call.arguments, surroundings.context);
  } catch (error) {
    if (surroundings.scope.signal.aborted) throw error;
    const failure = toAppError(error);
    const { retry } = failures[failure.type];
    const isFinal = retry === 'never' || (retry === 'fault' && surroundings.scope.isLastFault);
    if (isFinal && !failure.type.startsWith('Storage.')) return failure;
    throw failure;
  }
}

function toWork(
  result: ToolResult | AppError,
  asked: { readonly call: ToolCall; readonly input: ToolStepInput; readonly manifest: RunManifest },
): StepWork {
  const dialect = dialectOf(asked.manifest.profile);
  const failed = result instanceof AppError;
  const observation = dialect.formatObservation(
    asked.call,
    failed ? { status: 'failed', message: result.message } : { status: 'ok', text: result.text },
  );
  const usage = failed ? noUsage : (result.usage ?? noUsage);
  return {
    status: failed ? 'failed' : 'ok',
    failure: failed ? { type: result.type, message: result.message.slice(0, 1_500) } : null,
    contents: { observation, ...(failed ? {} : result.contents) },
    contentTokens: estimateTokens(observation),
    usage,
    costMicroUsd: usage === noUsage ? 0 : costOf(usage, asked.manifest.profile.prices),
    model: null,
    tool: {
      server: asked.call.server,
      tool: asked.call.tool,
      modelSeq: asked.input.modelSeq,
      callIndex: asked.input.callIndex,
      source: failed ? null : (result.source ?? null),
      sandbox: failed ? null : (result.sandbox ?? null),
    },
  };
}

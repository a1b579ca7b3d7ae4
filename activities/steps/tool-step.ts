import { costOf } from '../../domain/budget.ts';
import type { ToolOutcome } from '../../domain/dialects/dialect.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { digestFields, toCanonicalJson } from '../../domain/digest.ts';
import { z } from 'zod';
import { AppError, failures, toAppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { StepRecord } from '../../domain/record.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { ToolCall, ToolDefinition } from '../../domain/tools.ts';
import { noUsage, type TokenUsage } from '../../domain/usage.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import type { HistoryReader } from '../storage/history-reader.ts';
import type { StepContents, TrajectoryStore } from '../storage/trajectory-store.ts';
import { parseStored } from '../storage/encoding.ts';
import type { CallHold, ToolActivities, ToolStepInput } from './contract.ts';
import { performStep, type StepWork } from './perform-step.ts';
import type { Clock, Holder, StepScope } from './ports.ts';
import { readCalls, toToolReceipt } from './receipts.ts';
import { runActivity } from './run-activity.ts';

/** What a tool gets beside its arguments. */
export interface ToolContext {
  readonly tenant: string;
  readonly runId: string;
  readonly seq: number;
  readonly stepKey: string;
  readonly signal: AbortSignal;
  /** To be called just before a request leaves: see `WorkContext`. */
  readonly begin: () => void;
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
  readonly source?: NonNullable<NonNullable<StepRecord['tool']>['source']>;
  /** The sandbox that was worked in, and its files after the call. */
  readonly sandbox?: NonNullable<StepRecord['tool']>['sandbox'];
  /** Kept beside the observation, for audit and citation. */
  readonly contents?: Pick<StepContents, 'page' | 'raw'>;
}

/** One tool. Throws `Tool.*`, `Sandbox.*` or `Model.*` failures; those that are final become the observation. */
export type ToolHandler = (args: unknown, context: ToolContext) => Promise<ToolResult>;

/** Faults of a tool after which it has failed. Source: MiroThinker, 3 tries. */
const maxFaults = 3;

/** Ports of a pool's tool steps. */
export interface ToolStepPorts {
  readonly trajectory: TrajectoryStore;
  readonly history: HistoryReader;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly holder: Holder;
  readonly handlers: Readonly<Record<string, ToolHandler>>;
}

/** The tool activities of a pool. */
export function createToolActivities(ports: ToolStepPorts): ToolActivities {
  return {
    callTool: (input) => runActivity({ maxFaults }, (scope) => callTool(ports, input, scope)),
  };
}

async function callTool(ports: ToolStepPorts, input: ToolStepInput, scope: StepScope) {
  const { clock, holder, trajectory } = ports;
  const manifest = await ports.history.readManifest(input);
  const asked = await readAsked(ports, input, manifest);
  const { call, tool, earlierCalls } = asked;
  const step = await performStep(
    { ledger: trajectory, clock, holder, scope },
    {
      slot: input,
      kind: 'tool',
      turn: input.turn,
      requestDigest: digestFields(['tool', call.server, call.tool, toCanonicalJson(call.arguments)]),
      effect: tool.effect,
    },
    {
      work: async ({ stepKey, signal, begin }) => {
        const { tenant, runId, seq, modelSeq, callIndex } = input;
        const recordOf = (other: number) => readRecord(ports, input, other);
        const around = { modelSeq, callIndex, earlierCalls, recordOf, reportWaiting: scope.reportWaiting };
        const context: ToolContext = { tenant, runId, seq, stepKey, signal, begin, manifest, around };
        return toWork(await attempt(ports.handlers[tool.name], asked, { context, scope }), asked);
      },
      ...(tool.effect === 'unkeyed'
        ? { unknown: () => toWork(outcomeUnknown(tool, 'an earlier attempt'), asked) }
        : {}),
    },
  );
  return toToolReceipt(trajectory, input.tenant, step);
}

/** A call as it is to be made. */
interface AskedCall {
  readonly call: ToolCall;
  readonly tool: ToolDefinition;
  /** The calls of the same message that stand before it. */
  readonly earlierCalls: readonly ToolCall[];
  readonly input: ToolStepInput;
  readonly manifest: RunManifest;
  /** Arguments that a person put in place of the model's; null for the model's own. */
  readonly edited: string | null;
}

async function readAsked(ports: ToolStepPorts, input: ToolStepInput, manifest: RunManifest): Promise<AskedCall> {
  const read = { ...(await readCall(ports, input, manifest)), input, manifest };
  const digest = input.hold?.digest ?? null;
  if (digest === null) return { ...read, edited: null };
  const edited = (await ports.blobs.get(input.tenant, digest)).toString('utf8');
  const args = parseStored(edited, `edited arguments of step ${input.seq}`, z.record(z.string(), z.unknown()));
  return { ...read, call: { ...read.call, arguments: args, argumentsError: null }, edited };
}

/** A call that may happen only once was begun, and nobody can say how it ended. */
function outcomeUnknown(tool: ToolDefinition, by: string): AppError {
  return new AppError('Tool.OutcomeUnknown', {
    what: `${by} may have called ${tool.name}, and whether it took effect is not known; it is not called again`,
    mend: 'Check at the receiver before asking for the same thing once more.',
  });
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
  const owner = await ports.history.ownerOf(input, input.modelSeq);
  const model = await ports.trajectory.readStep({ ...owner, seq: input.modelSeq });
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
  asked: AskedCall,
  { context, scope }: { readonly context: ToolContext; readonly scope: StepScope },
): Promise<ToolResult | AppError> {
  const { call, tool, manifest } = asked;
  if (handler === undefined) return new AppError('Tool.Unknown', { what: `${call.tool} is not served by this pool` });
  try {
    return await handler(call.arguments, context);
  } catch (error) {
    if (context.signal.aborted) throw error;
    const failure = toAppError(error);
    if (failure.type.startsWith('Storage.') || failure.type.startsWith('Ledger.')) throw failure;
    if (tool.effect === 'unkeyed') return isKnownEnd(failure) ? failure : outcomeUnknown(tool, 'this attempt');
    const { retry } = failures[failure.type];
    if (retry === 'never') return failure;
    // Where a person is to be asked, or the run is to end, the slot stays open: nothing is recorded in it.
    if (retry === 'fault' && scope.isLastFault && manifest.profile.onStepFailure === 'observe') return failure;
    throw failure;
  }
}

/** Did the receiver refuse the call, or never get it? Silence and a broken connection say nothing of what it did. */
function isKnownEnd(failure: AppError): boolean {
  if (failure.facts.unsent === true || failure.type === 'Tool.RateLimited') return true;
  return failures[failure.type].retry === 'never' && failure.type !== 'Tool.Timeout';
}

function toWork(result: ToolResult | AppError, asked: AskedCall): StepWork {
  const { call, input, manifest, edited } = asked;
  const failure = result instanceof AppError ? result : null;
  const answer = result instanceof AppError ? null : result;
  const observation = dialectOf(manifest.profile).formatObservation(call, toToolOutcome(result));
  const usage = answer?.usage ?? noUsage;
  return {
    status: failure === null ? 'ok' : 'failed',
    failure: failure === null ? null : { type: failure.type, message: failure.message.slice(0, 1_500) },
    contents: { observation, ...answer?.contents, ...(edited === null ? {} : { arguments: edited }) },
    contentTokens: estimateTokens(observation),
    usage,
    costMicroUsd: usage === noUsage ? 0 : costOf(usage, manifest.profile.prices),
    model: null,
    tool: toToolFacts(asked, answer),
    hold: toStepHold(input.hold),
  };
}

function toToolOutcome(result: ToolResult | AppError): ToolOutcome {
  if (result instanceof AppError) return { status: 'failed', message: result.message };
  return { status: 'ok', text: result.text };
}

function toToolFacts({ call, input }: AskedCall, answer: ToolResult | null): StepWork['tool'] {
  return {
    server: call.server,
    tool: call.tool,
    modelSeq: input.modelSeq,
    callIndex: input.callIndex,
    source: answer?.source ?? null,
    sandbox: answer?.sandbox ?? null,
  };
}

function toStepHold(hold: CallHold | undefined): StepWork['hold'] {
  if (hold === undefined) return null;
  const { action, by, why } = hold;
  return { action, by, why };
}

import { extractBoxed } from '../../domain/boxed.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import { recordedCallsSchema } from '../../domain/record.ts';
import { type CallRef, type ModelReceipt, type ToolReceipt, toPreview } from '../../domain/receipt.ts';
import { maxCallsPerMessage, type ToolCall, type ToolDefinition } from '../../domain/tools.ts';
import { parseStored } from '../storage/encoding.ts';
import type { RecordedStep, TrajectoryStore } from '../storage/trajectory-store.ts';

/** What is left in history of a name that no tool has; the whole stands in the record. */
const maxRefusedNameChars = 32;

/** A call's place in the run's tool table: the pool that runs it, or why nothing does. */
export function judgeCall(
  manifest: RunManifest,
  call: ToolCall,
  callIndex: number,
): { readonly ref: CallRef; readonly refusal: AppError | null } {
  const tool = manifest.tools.find((candidate) => candidate.name === call.tool);
  const refuse = (refusal: AppError) => ({
    ref: { tool: call.tool.slice(0, maxRefusedNameChars).toWellFormed(), pool: null, callIndex },
    refusal,
  });
  if (callIndex >= maxCallsPerMessage) {
    return refuse(
      new AppError('Tool.Refused', {
        what: `a message may have ${maxCallsPerMessage} calls; number ${callIndex + 1} and all after it were not executed`,
      }),
    );
  }
  if (tool === undefined || tool.server !== call.server) {
    const known = manifest.tools.map((candidate) => `${candidate.name} on ${candidate.server}`).join(', ');
    return refuse(
      new AppError('Tool.Unknown', {
        what: `there is no tool ${call.tool} on server ${call.server}`,
        mend: `Known: ${known}.`,
      }),
    );
  }
  if (call.argumentsError !== null) {
    return refuse(
      new AppError('Tool.BadArguments', { what: call.argumentsError, mend: 'Give one valid JSON object.' }),
    );
  }
  const approval = needsApproval(manifest, tool) ? { approval: true as const } : {};
  return { ref: { tool: tool.name, pool: tool.pool, callIndex, ...approval }, refusal: null };
}

/** Does the profile want a person's word before a call of this tool runs? */
function needsApproval({ profile }: RunManifest, { name, effect }: ToolDefinition): boolean {
  const { effects, tools } = profile.approval;
  return tools.includes(name) || effects.some((asked) => asked === effect);
}

/** The calls that a model's record asks for. */
export async function readCalls(store: TrajectoryStore, tenant: string, step: RecordedStep): Promise<ToolCall[]> {
  const text = await store.readText(tenant, step, 'calls');
  return text === null ? [] : parseStored(text, `calls of step ${step.record.seq}`, recordedCallsSchema);
}

/** What a model step leaves in history. */
export async function toModelReceipt(
  store: TrajectoryStore,
  manifest: RunManifest,
  step: RecordedStep,
): Promise<ModelReceipt> {
  const { record } = step;
  const reply = (await store.readText(manifest.tenant, step, 'reply')) ?? '';
  const calls = await readCalls(store, manifest.tenant, step);
  const isFinal = record.model?.purpose === 'final';
  return {
    recordDigest: step.digest,
    contentTokens: record.contentTokens,
    usage: record.usage,
    costMicroUsd: record.costMicroUsd,
    stop: record.status === 'failed' ? 'failed' : (record.model?.stop ?? 'failed'),
    // The first call too many gets a slot, which tells the model of all of them: a receipt stays small whatever the reply.
    calls: isFinal
      ? []
      : calls.slice(0, maxCallsPerMessage + 1).map((call, index) => judgeCall(manifest, call, index).ref),
    boxed: isFinal && extractBoxed(reply) !== null,
    preview: toPreview(reply),
  };
}

/** What a tool step leaves in history. */
export async function toToolReceipt(store: TrajectoryStore, tenant: string, step: RecordedStep): Promise<ToolReceipt> {
  const { record } = step;
  return {
    recordDigest: step.digest,
    contentTokens: record.contentTokens,
    usage: record.usage,
    costMicroUsd: record.costMicroUsd,
    status: record.status,
    preview: toPreview((await store.readText(tenant, step, 'observation')) ?? ''),
  };
}

import { dialectOf } from '../../domain/dialects/for-profile.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { StepFailure } from '../../domain/record.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { Effect } from '../../domain/tools.ts';
import { noUsage } from '../../domain/usage.ts';
import { fillSlot } from '../steps/fill-slot.ts';
import { judgeCall, readCalls, toModelReceipt, toToolReceipt } from '../steps/receipts.ts';
import type { StepDraft } from '../storage/trajectory-store.ts';
import type { ClosedStep, CloseStepInput } from './contract.ts';
import type { RunPorts } from './ports.ts';

/** Puts a failure record unless a record stands in the slot; returns the one that stands. Idempotent. */
export async function closeStep(ports: RunPorts, input: CloseStepInput): Promise<ClosedStep> {
  const manifest = await ports.history.readManifest(input);
  const asked = input.call === null ? null : await readAsked(ports, input, manifest);
  const step = await fillSlot(ports.trajectory, input, (wasCalled) => {
    const failure = wasCalled ? toUnknown(input) : input.failure;
    return toDraft(ports, { input, manifest, asked, failure });
  });
  const isModel = step.record.kind === 'model';
  return {
    recordDigest: step.digest,
    model: isModel && step.record.status === 'ok' ? await toModelReceipt(ports.trajectory, manifest, step) : null,
    tool: isModel ? null : await toToolReceipt(ports.trajectory, input.tenant, step),
  };
}

/** The call may have been made: whoever ended the step does not know whether it took effect. */
function toUnknown({ failure, call }: CloseStepInput): StepFailure {
  const what = `${call?.tool ?? 'the call'} may have been made before the step was ended (${failure.message})`;
  const { type, message } = new AppError('Tool.OutcomeUnknown', { what, mend: 'Check at the receiver.' });
  return { type, message };
}

/** The call behind a tool's slot. */
interface AskedCall {
  readonly server: string;
  readonly tool: string;
  readonly effect: Effect;
  /** Why it may not run, if it may not. */
  readonly refusal: AppError | null;
}

async function readAsked(ports: RunPorts, input: CloseStepInput, manifest: RunManifest): Promise<AskedCall> {
  const modelSeq = input.call?.modelSeq ?? 0;
  const callIndex = input.call?.callIndex ?? 0;
  const owner = await ports.history.ownerOf(input, modelSeq);
  const model = await ports.trajectory.readStep({ ...owner, seq: modelSeq });
  const call = model === null ? undefined : (await readCalls(ports.trajectory, input.tenant, model))[callIndex];
  if (call === undefined) throw new AppError('Storage.Missing', { what: `call ${callIndex} of step ${modelSeq}` });
  const { refusal } = judgeCall(manifest, call, callIndex);
  const effect = manifest.tools.find((tool) => tool.name === call.tool)?.effect ?? ('read' as const);
  return { server: call.server, tool: call.tool, effect, refusal };
}

interface Closing {
  readonly input: CloseStepInput;
  readonly manifest: RunManifest;
  readonly asked: AskedCall | null;
  readonly failure: StepFailure;
}

function toDraft(ports: RunPorts, { input, manifest, asked, failure: given }: Closing): StepDraft {
  const nowMs = ports.clock.now();
  const failure = asked?.refusal ?? given;
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
      tool: toToolFacts(input, asked),
      hold: input.hold ?? null,
    },
    contents: observation === null ? {} : { observation },
  };
}

function toToolFacts({ call }: CloseStepInput, asked: AskedCall | null): StepDraft['record']['tool'] {
  if (call === null || asked === null) return null;
  const { modelSeq, callIndex } = call;
  return { server: asked.server, tool: asked.tool, modelSeq, callIndex, source: null, sandbox: null };
}

import { costOf } from '../../domain/budget.ts';
import { dialectOf } from '../../domain/dialects/for-profile.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { StepRecord } from '../../domain/record.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { TokenUsage } from '../../domain/usage.ts';
import type { ModelActivities, ModelStepInput } from '../steps/contract.ts';
import { performStep, type StepWork } from '../steps/perform-step.ts';
import type { Clock, Holder, StepScope } from '../steps/ports.ts';
import { renderCall, type RenderedCall } from '../steps/prompt.ts';
import { toModelReceipt } from '../steps/receipts.ts';
import { runActivity } from '../steps/run-activity.ts';
import type { HistoryReader } from '../storage/history-reader.ts';
import type { TrajectoryStore } from '../storage/trajectory-store.ts';
import type { ChatPort, ChatReply } from './ports.ts';

/** Faults of a model call after which it has failed: cut streams, time-outs, server errors. */
const maxFaults = 6;

/** Ports of the model pool. */
export interface ModelPorts {
  readonly trajectory: TrajectoryStore;
  readonly history: HistoryReader;
  readonly clock: Clock;
  readonly holder: Holder;
  readonly chat: ChatPort;
}

/** The activities of the model pool. */
export function createModelActivities(ports: ModelPorts): ModelActivities {
  return { callModel: (input) => runActivity({ maxFaults }, (scope) => callModel(ports, input, scope)) };
}

async function callModel(ports: ModelPorts, input: ModelStepInput, scope: StepScope) {
  const history = await ports.history.read(input, input.seq, input.head);
  const { manifest } = history;
  const { purpose, firstLive } = input;
  const call = await renderCall(ports.history, { run: input, history, purpose, firstLive });
  const { trajectory: ledger, clock, holder } = ports;
  const step = await performStep(
    { ledger, clock, holder, scope },
    { slot: input, kind: 'model', turn: input.turn, requestDigest: call.requestDigest, effect: 'read' },
    {
      work: async ({ stepKey, signal, begin }) => {
        const { messages } = call;
        const request = { model: manifest.profile.model, messages, stepKey, sessionId: input.runId, begin };
        return toWork(await ports.chat.complete(request, signal), { input, manifest, call });
      },
    },
  );
  const text = await ports.trajectory.readText(input.tenant, step, 'reply');
  ports.history.note(input, { record: step.record, digest: step.digest, text });
  return toModelReceipt(ports.trajectory, manifest, step);
}

interface Asked {
  readonly input: ModelStepInput;
  readonly manifest: RunManifest;
  readonly call: RenderedCall;
}

function toWork(reply: ChatReply, asked: Asked): StepWork {
  const parsed = dialectOf(asked.manifest.profile).parseReply(reply.text);
  const calls = asked.input.purpose === 'final' ? [] : parsed.calls;
  const usage = reply.usage ?? estimateUsage(asked.call, reply.text);
  return {
    status: 'ok',
    failure: null,
    contents: {
      reply: reply.text,
      ...(reply.reasoning === null ? {} : { reasoning: reply.reasoning }),
      ...(calls.length === 0 ? {} : { calls: JSON.stringify(calls) }),
    },
    contentTokens: Math.max(usage.outputTokens, 1),
    usage,
    costMicroUsd: costOf(usage, asked.manifest.profile.prices),
    model: {
      purpose: asked.input.purpose,
      firstLive: asked.input.firstLive,
      promptDigest: asked.call.promptDigest,
      stop: toStop(reply, { calls: calls.length, malformed: parsed.malformed }),
      model: reply.model,
      head: asked.input.head,
    },
    tool: null,
    hold: null,
  };
}

type Stop = NonNullable<StepRecord['model']>['stop'];

function toStop(reply: ChatReply, parsed: { readonly calls: number; readonly malformed: boolean }): Stop {
  if (parsed.calls > 0) return 'calls';
  if (reply.finish === 'length') return 'length';
  return parsed.malformed || reply.text.trim() === '' ? 'malformed' : 'end';
}

/** For servers that report no usage: an estimate that leans upward. */
function estimateUsage(call: RenderedCall, reply: string): TokenUsage {
  const inputTokens = call.messages.reduce((sum, message) => sum + estimateTokens(message.content), 0);
  return { inputTokens, outputTokens: estimateTokens(reply), cachedTokens: 0 };
}

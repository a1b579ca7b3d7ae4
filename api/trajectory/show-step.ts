import { z } from 'zod';
import { createBlobStore } from '../../activities/storage/blob-store.ts';
import { parseStored } from '../../activities/storage/encoding.ts';
import { textNames } from '../../activities/storage/history-reader.ts';
import type { RecordedStep } from '../../activities/storage/trajectory-store.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import { recordedCallsSchema, stepHoldSchema, stepKindSchema, pageSourceSchema } from '../../domain/record.ts';
import type { ApiPorts } from '../ports.ts';
import { toIso, toUsd } from '../runs/run-schemas.ts';
import { readOwnedStep } from './export-trajectory.ts';
import { readContents } from './read-contents.ts';

const contentSchema = z.strictObject({
  name: z.string(),
  digest: z.string(),
  bytes: z.int(),
  text: z.string().optional(),
  base64: z.string().optional(),
});

/** What a step was asked: a tool its arguments, a model the prompt by reference. */
const requestSchema = z.union([
  z.strictObject({
    server: z.string(),
    tool: z.string(),
    arguments: z.unknown(),
    arguments_error: z.string().nullable(),
    model_step: z.int(),
    call_index: z.int(),
  }),
  z.strictObject({ purpose: z.string(), model: z.string(), prompt_digest: z.string(), first_live: z.int() }),
]);

/** One step as the native door shows it. */
export const stepSchema = z
  .strictObject({
    object: z.literal('step'),
    n: z.int(),
    kind: stepKindSchema,
    status: z.enum(['ok', 'failed']),
    turn: z.int(),
    attempt: z.int(),
    /** Number of the delivery that wrote the record; earlier ones were interrupted. */
    delivery: z.int(),
    effect: z.string(),
    request_digest: z.string().nullable(),
    result_digest: z.string(),
    started_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    usage: z.strictObject({ input_tokens: z.int(), output_tokens: z.int(), cached_tokens: z.int() }),
    cost_usd: z.number().nullable(),
    failure: z.strictObject({ type: z.string(), message: z.string() }).nullable(),
    /** The page that was read, if one was. */
    source: pageSourceSchema.nullable(),
    /** Null for a slot that was closed before its step could begin. */
    request: requestSchema.nullable(),
    /** What a person did to the step, if anybody did. */
    hold: stepHoldSchema.nullable(),
    /** True when a call that must not be repeated may or may not have taken effect. */
    outcome_unknown: z.boolean(),
    /** The reply of a model, the observation of a tool, the message of a person. */
    response: z.string().nullable(),
    contents: z.array(contentSchema),
  })
  .meta({ id: 'Step' });
export type StepView = z.infer<typeof stepSchema>;

/** One step with its request and response; null when it is not recorded (yet). @throws AppError `Storage.*` */
export async function showStep(ports: ApiPorts, manifest: RunManifest, seq: number): Promise<StepView | null> {
  const step = await readOwnedStep(ports, manifest, seq);
  if (step === null) return null;
  const { record } = step;
  const contents = await readContents(createBlobStore(ports.objects), manifest.tenant, step);
  const { inputTokens, outputTokens, cachedTokens } = record.usage;
  return {
    object: 'step',
    n: record.seq,
    kind: record.kind,
    status: record.status,
    turn: record.turn,
    attempt: record.attempt,
    delivery: record.delivery,
    effect: record.effect,
    request_digest: record.requestDigest,
    result_digest: step.digest,
    started_at: toIso(record.startedAtMs),
    ended_at: toIso(record.endedAtMs),
    usage: { input_tokens: inputTokens, output_tokens: outputTokens, cached_tokens: cachedTokens },
    cost_usd: toUsd(record.costMicroUsd),
    failure: record.failure,
    source: record.tool?.source ?? null,
    hold: record.hold,
    outcome_unknown: record.failure?.type === 'Tool.OutcomeUnknown',
    request: await toRequest(ports, manifest, step),
    response: contents.find(({ name }) => name === textNames[record.kind])?.text ?? null,
    contents: contents.map((content) => ({ ...content })),
  };
}

async function toRequest(ports: ApiPorts, manifest: RunManifest, step: RecordedStep): Promise<StepView['request']> {
  const { model, tool } = step.record;
  if (model !== null) {
    const { purpose, firstLive, promptDigest } = model;
    return { purpose, model: model.model, prompt_digest: promptDigest, first_live: firstLive };
  }
  if (tool === null) return null;
  const asked = await readOwnedStep(ports, manifest, tool.modelSeq);
  const text = asked === null ? null : await ports.trajectory.readText(manifest.tenant, asked, 'calls');
  if (text === null) {
    throw new AppError('Storage.Missing', { what: `the calls of step ${tool.modelSeq} of run ${manifest.runId}` });
  }
  const call = parseStored(text, `calls of step ${tool.modelSeq}`, recordedCallsSchema)[tool.callIndex];
  return {
    server: tool.server,
    tool: tool.tool,
    arguments: call?.arguments ?? null,
    arguments_error: call?.argumentsError ?? null,
    model_step: tool.modelSeq,
    call_index: tool.callIndex,
  };
}

import { randomUUID } from 'node:crypto';
import { digestJson, toCanonicalJson } from '../../domain/digest.ts';
import { AppError } from '../../domain/errors.ts';
import type { Hold } from '../../domain/holds.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { Limits } from '../../domain/budget.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { ApiPorts } from '../ports.ts';
import type { HoldBody, RaiseBody } from './hold-schemas.ts';
import { claimKey, requireSameBody, toKeyDigest } from './idempotency.ts';
import { narrowLimits } from './narrow-profile.ts';

/** A request to take hold of a run, with what makes it the same request when it is repeated. */
export interface HoldRequest {
  readonly run: RunRef;
  readonly rawBody: unknown;
  readonly key: string | null;
  readonly path: string;
}

/**
 * Takes hold of a live run.
 *
 * *Contract:* under an Idempotency-Key a repeat is the same hold, whatever happened in between: the engine knows it by an id that
 * follows from the key. @throws AppError `Run.Conflict`, `Run.Ended`, `Input.IdempotencyMismatch`, `Engine.Unavailable`
 */
export async function takeHold(ports: ApiPorts, request: HoldRequest, hold: Hold): Promise<void> {
  const { run, key, path } = request;
  if (key === null) return await ports.engine.hold(run, hold, randomUUID());
  const scope = { tenant: run.tenant, method: 'POST', path, key };
  const bodyDigest = digestJson(request.rawBody);
  const createdAt = new Date(ports.now()).toISOString();
  const { record } = await claimKey(ports.objects, scope, { bodyDigest, runId: run.runId, createdAt });
  requireSameBody(record, bodyDigest);
  await ports.engine.hold(run, hold, toKeyDigest(scope));
}

/** A message as a hold: its text becomes a blob first, since none enters the engine. */
export async function toSteer(
  { blobs }: ApiPorts,
  run: RunRef,
  body: HoldBody & { readonly text: string },
): Promise<Hold> {
  const digest = await blobs.put(run.tenant, body.text);
  return { type: 'steer', by: body.by, why: body.reason, digest, tokens: Math.max(1, estimateTokens(body.text)) };
}

/** Edited arguments as a hold. */
export async function toEdit(
  { blobs }: ApiPorts,
  run: RunRef,
  edit: { readonly seq: number; readonly body: HoldBody & { readonly arguments: Readonly<Record<string, unknown>> } },
): Promise<Hold> {
  const { seq, body } = edit;
  const digest = await blobs.put(run.tenant, toCanonicalJson(body.arguments));
  return { type: 'step', by: body.by, why: body.reason, seq, action: 'edit', digest };
}

/**
 * Raised limits as a hold; none may rise above what the profile allows.
 *
 * @throws AppError `Input.Invalid` when a limit is above the profile's
 */
export function toRaise(manifest: RunManifest, { by, reason, ...budget }: RaiseBody): Hold {
  const asked = narrowLimits(manifest.profile, budget);
  const limits: Partial<Omit<Limits, 'onExceed'>> = {
    ...(given(budget.max_turns) ? { maxTurns: asked.maxTurns } : {}),
    ...(given(budget.max_tool_calls) ? { maxToolCalls: asked.maxToolCalls } : {}),
    ...(given(budget.max_tokens) ? { maxTokens: asked.maxTokens } : {}),
    ...(given(budget.max_wall_seconds) ? { maxWallMs: asked.maxWallMs } : {}),
    ...(given(budget.max_cost_usd) ? { maxCostMicroUsd: asked.maxCostMicroUsd } : {}),
  };
  if (Object.keys(limits).length > 0) return { type: 'budget', by, why: reason, limits };
  throw new AppError('Input.Invalid', {
    field: '',
    what: 'name at least one limit to raise',
    mend: 'Limits: max_turns, max_tool_calls, max_tokens, max_wall_seconds, max_cost_usd.',
  });
}

function given(value: number | null | undefined): boolean {
  return value !== null && value !== undefined;
}

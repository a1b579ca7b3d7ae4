import { compress } from '../../activities/storage/encoding.ts';
import { keys } from '../../activities/storage/keys.ts';
import { buildManifest } from '../../domain/build-manifest.ts';
import { AppError } from '../../domain/errors.ts';
import type { RunRef } from '../../domain/ids.ts';
import { digestManifest, type ParentPrefix, type RunManifest } from '../../domain/manifest.ts';
import { extendHead } from '../../domain/record.ts';
import { estimateTokens } from '../../domain/tokens.ts';
import type { Fork } from '../../domain/manifest.ts';
import type { ApiPorts } from '../ports.ts';
import type { ForkBody } from './hold-schemas.ts';
import { chooseProfile, narrowLimits } from './narrow-profile.ts';

/** A fork that was checked for shape: from which run, and what is different. */
export interface ForkRequest {
  readonly source: RunManifest;
  readonly body: ForkBody;
  readonly runId: string;
  readonly now: Date;
}

/**
 * The manifest of a fork: it names the shared records and their chain, and copies none of them.
 *
 * Reads a handful of records, whatever the step: the last model record before the fork has the chain up to itself.
 *
 * @throws AppError `Input.Invalid` when the step is not recorded or the overrides break a rule
 */
export async function toForkManifest(ports: ApiPorts, request: ForkRequest): Promise<RunManifest> {
  const { source, body, runId, now } = request;
  const parent = await findPrefix(ports, source, body.from_step);
  const { by, reason: why, from_step: step } = body;
  const fork: Fork = { runId: source.runId, step, by, why, message: await toMessage(ports, source, body) };
  const { overrides } = body;
  const named = overrides.profile ?? null;
  const chosen = named === null ? source.profile : chooseProfile(ports.catalog.profiles, named);
  const profile = { ...chosen, onStepFailure: overrides.on_step_failure ?? chosen.onStepFailure };
  const limits =
    overrides.budget == null && named === null ? source.limits : narrowLimits(profile, overrides.budget ?? null);
  // The same agent goes on with the same prompt, date included: another day must not change what it has read so far.
  if (named === null) return { ...source, runId, profile, limits, createdAt: now.toISOString(), parent, fork };
  const { tenant, question, timeZone, standIn, metadata } = source;
  const { tools } = ports.catalog;
  return buildManifest({
    tenant,
    runId,
    question,
    profile,
    limits,
    tools,
    now,
    timeZone,
    standIn,
    metadata,
    origin: { parent, fork },
  });
}

async function toMessage(
  ports: ApiPorts,
  source: RunManifest,
  { by, reason: why, overrides }: ForkBody,
): Promise<Fork['message']> {
  const text = overrides.message ?? null;
  if (text === null) return null;
  return { by, why, digest: await ports.blobs.put(source.tenant, text), tokens: Math.max(1, estimateTokens(text)) };
}

/** The records before `step`, by the run that holds the last of them. */
async function findPrefix(ports: ApiPorts, source: RunManifest, step: number): Promise<ParentPrefix> {
  const outcome = await ports.trajectory.readOutcome(source);
  if (outcome !== null && step >= outcome.steps) throw noSuchStep(step, `its steps are 0 to ${outcome.steps - 1}`);
  const owner = await ownerOf(ports, source, step - 1);
  const head = await chainBefore(ports, owner, step);
  if (head === null) throw noSuchStep(step, `step ${step - 1} is not recorded (yet)`);
  return { runId: owner.runId, uptoSeq: step - 1, head };
}

function noSuchStep(step: number, why: string): AppError {
  return new AppError('Input.Invalid', {
    field: '/from_step',
    what: `/from_step: the run cannot be forked at step ${step}: ${why}`,
    mend: 'GET …/trajectory lists the steps that are recorded.',
  });
}

/** The manifest of the run that holds a step: a parent's for a shared prefix. */
async function ownerOf({ history }: ApiPorts, manifest: RunManifest, seq: number): Promise<RunManifest> {
  const owner = await history.ownerOf(manifest, seq);
  return owner.runId === manifest.runId ? manifest : await history.readManifest(owner);
}

/** The audit chain over the records before `step`; null when they are not all there. */
async function chainBefore({ trajectory }: ApiPorts, owner: RunManifest, step: number): Promise<string | null> {
  const first = (owner.parent?.uptoSeq ?? -1) + 1;
  const digests: string[] = [];
  let head = digestManifest(owner);
  for (let seq = step - 1; seq >= first; seq -= 1) {
    const recorded = await trajectory.readStep({ ...owner, seq });
    if (recorded === null) return null;
    digests.unshift(recorded.digest);
    if (recorded.record.model === null) continue;
    head = recorded.record.model.head;
    break;
  }
  return digests.reduce(extendHead, head);
}

/** Lineage in the other direction: the run that was forked knows its forks. */
export async function noteFork({ objects }: ApiPorts, source: RunRef, fork: RunRef): Promise<void> {
  await objects.putIfAbsent(`${keys.forks(source)}${fork.runId}`, compress('{}'));
}

/** Ids of the runs that were forked from a run, oldest first. */
export async function listForks({ objects }: ApiPorts, run: RunRef): Promise<string[]> {
  const prefix = keys.forks(run);
  return (await objects.list(prefix, { limit: 1_000 })).map((key) => key.slice(prefix.length));
}

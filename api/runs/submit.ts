import { buildManifest } from '../../domain/build-manifest.ts';
import { digestJson } from '../../domain/digest.ts';
import { AppError, toAppError } from '../../domain/errors.ts';
import { type RunRef, toWorkflowId } from '../../domain/ids.ts';
import { digestManifest, type RunManifest } from '../../domain/manifest.ts';
import type { ApiPorts } from '../ports.ts';
import { claimKey, type KeyRecord, type KeyScope, readKeyRecord, requireSameBody, toKeyDigest } from './idempotency.ts';
import { chooseProfile, narrowLimits } from './narrow-profile.ts';
import type { Submit } from './run-schemas.ts';

/** A request for a new run, checked for shape. */
export interface SubmitRequest {
  /** The body as it came: what a key's fingerprint is taken of. */
  readonly rawBody: unknown;
  readonly key: string | null;
  readonly path: string;
  /** The run's manifest. @throws AppError `Input.Invalid` when none can be made of the request */
  readonly toManifest: (record: KeyRecord) => RunManifest | Promise<RunManifest>;
}

export interface Submitted {
  readonly run: RunRef;
  readonly manifest: RunManifest;
  /** True when the key had been used before. */
  readonly replayed: boolean;
}

/**
 * Submits runs: key record → manifest → start, each of them idempotent, so that whoever repeats the request after a crash anywhere
 * walks the same steps to the same run.
 */
export function createSubmit(ports: ApiPorts): (request: SubmitRequest) => Promise<Submitted> {
  const inFlight = new Set<string>();
  return async (request) => {
    if (request.key === null) return await submitOnce(ports, request, null);
    const { key, path } = request;
    const scope: KeyScope = { tenant: ports.settings.tenant, method: 'POST', path, key };
    const digest = toKeyDigest(scope);
    if (inFlight.has(digest)) {
      throw new AppError('Input.InFlight', {
        what: 'a request with this Idempotency-Key is being worked on',
        mend: 'Send it again after Retry-After.',
        retryAfterMs: 1_000,
      });
    }
    inFlight.add(digest);
    try {
      return await submitOnce(ports, request, scope);
    } finally {
      inFlight.delete(digest);
    }
  };
}

async function submitOnce(ports: ApiPorts, request: SubmitRequest, scope: KeyScope | null): Promise<Submitted> {
  const { record, replayed } = await chooseRun(ports, request, scope);
  const run = { tenant: ports.settings.tenant, runId: record.runId };
  const manifest = await standManifest(ports, request, record);
  await ensureStarted(ports, run, { manifest, replayed });
  return { run, manifest, replayed };
}

/** A new run, or the one that the key's winner chose. */
async function chooseRun(
  ports: ApiPorts,
  request: SubmitRequest,
  scope: KeyScope | null,
): Promise<{ readonly record: KeyRecord; readonly replayed: boolean }> {
  const bodyDigest = digestJson(request.rawBody);
  const standing = scope === null ? null : await readKeyRecord(ports.objects, scope);
  if (standing !== null) {
    requireSameBody(standing, bodyDigest);
    return { record: standing, replayed: true };
  }
  const nowMs = ports.now();
  const fresh = { bodyDigest, runId: ports.newUlid(nowMs), createdAt: new Date(nowMs).toISOString() };
  // Before anything is stored: what no manifest can be made of must not use up the key.
  await request.toManifest(fresh);
  if (scope === null) return { record: fresh, replayed: false };
  const claimed = await claimKey(ports.objects, scope, fresh);
  requireSameBody(claimed.record, bodyDigest);
  return { record: claimed.record, replayed: !claimed.won };
}

/** The manifest of a run from the beginning. @throws AppError `Input.Invalid` */
export function toNewManifest({ catalog, settings }: ApiPorts, body: Submit, record: KeyRecord): RunManifest {
  const { tenant, standIn, timeZone } = settings;
  const chosen = chooseProfile(catalog.profiles, body.profile ?? null);
  const profile = { ...chosen, onStepFailure: body.on_step_failure ?? chosen.onStepFailure };
  return buildManifest({
    tenant,
    standIn,
    timeZone,
    profile,
    limits: narrowLimits(profile, body.budget ?? null),
    runId: record.runId,
    question: body.input,
    tools: catalog.tools,
    now: new Date(record.createdAt),
    metadata: body.metadata ?? {},
  });
}

/** The manifest that stands, put by an earlier walk (perhaps of another version or configuration) or by this one. */
async function standManifest(ports: ApiPorts, request: SubmitRequest, record: KeyRecord): Promise<RunManifest> {
  const run = { tenant: ports.settings.tenant, runId: record.runId };
  const standing = await ports.trajectory.readManifest(run);
  if (standing !== null) return standing;
  const manifest = await request.toManifest(record);
  try {
    await ports.trajectory.putManifest(manifest);
    return manifest;
  } catch (error) {
    if (toAppError(error).type !== 'Input.Invalid') throw error;
    return (await ports.trajectory.readManifest(run)) ?? manifest;
  }
}

/** Starts the workflow unless an earlier walk did: the engine forgets ended runs, so the store is asked first. */
async function ensureStarted(
  ports: ApiPorts,
  run: RunRef,
  { manifest, replayed }: { readonly manifest: RunManifest; readonly replayed: boolean },
): Promise<void> {
  const { engine, trajectory } = ports;
  if (replayed) {
    if ((await trajectory.readStart(run)) !== null || (await trajectory.readOutcome(run)) !== null) return;
  }
  const { question, profile } = manifest;
  const started = await engine.start({
    run,
    question,
    profile: profile.name,
    manifestDigest: digestManifest(manifest),
  });
  // The engine answers a repeated start with the current execution, which after a continue-as-new is not the first.
  const firstExecutionId = replayed || started === null ? (await engine.describe(run))?.firstExecutionId : started;
  if (firstExecutionId === undefined) return;
  await rememberStart(ports, run, firstExecutionId);
}

/** A help for readers of the history, no condition of the run: without it the engine is asked. */
async function rememberStart({ trajectory, log }: ApiPorts, run: RunRef, firstExecutionId: string): Promise<void> {
  try {
    await trajectory.putStart(run, { firstExecutionId, workflowId: toWorkflowId(run) });
  } catch (error) {
    log.warn({ runId: run.runId, failure: toAppError(error).message }, 'the start record could not be written');
  }
}

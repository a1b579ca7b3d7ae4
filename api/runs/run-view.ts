import { noUsage, type TokenUsage } from '../../domain/usage.ts';
import type { Limits } from '../../domain/budget.ts';
import type { RunRef } from '../../domain/ids.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import { type RunOutcome, toStatus } from '../../domain/outcome.ts';
import type { ApiPorts, EngineRun } from '../ports.ts';
import { explainWait, type Wait } from './explain-wait.ts';
import { listForks } from './fork-run.ts';
import { type Progress, readProgress } from './read-progress.ts';
import type { RunReader } from './run-reader.ts';
import { type RunView, toIso, toLinks, toPublicId, toUsd } from './run-schemas.ts';

/** Shows runs: the archive's word when a run has ended, else the engine's. */
export interface RunViewer {
  /** Null for a run that neither knows. @throws AppError `Storage.*`, `Engine.Unavailable` */
  readonly view: (run: RunRef) => Promise<RunView | null>;
  /** Why a live run stands still, in a line; null when it goes on, or when that cannot be told now. */
  readonly explain: (run: RunRef) => Promise<string | null>;
  /** A run that was started just now. */
  readonly viewNew: (manifest: RunManifest) => RunView;
}

/** A viewer over archive and engine. */
export function createRunViewer(ports: ApiPorts, read: RunReader): RunViewer {
  const viewRun = async (run: RunRef): Promise<RunView | null> => {
    const archived = await read(run);
    if (archived.outcome !== null) return viewEnded(run, archived.manifest, archived.outcome);
    const known = await ports.engine.describe(run);
    if (known === null) {
      if (archived.away !== null) throw archived.away;
      return null;
    }
    if (known.status === 'running') return await viewLive(ports, run, { known, manifest: archived.manifest });
    // It ended between the two questions, or was cut off by the engine.
    const { outcome, manifest } = await read(run);
    if (outcome !== null) return viewEnded(run, manifest, outcome);
    return await viewCutOff(ports, run, { known, manifest });
  };
  const view = async (run: RunRef): Promise<RunView | null> => {
    const shown = await viewRun(run);
    return shown === null ? null : { ...shown, ...(await viewLineage(ports, run, read)) };
  };
  return {
    view,
    explain: (run) => explainRun(ports, run),
    viewNew: (manifest) => ({ ...viewBase(manifest, manifest), parent: viewParent(manifest, null) }),
  };
}

/** A list is not lost because one of its runs cannot be looked at. */
async function explainRun({ engine, settings, now }: ApiPorts, run: RunRef): Promise<string | null> {
  try {
    const known = await engine.describe(run);
    if (known === null || known.status !== 'running') return null;
    const facts = { engine, queuePrefix: settings.queuePrefix, queues: new Map<string, string>(), nowMs: now() };
    return (await explainWait(facts, known)).waitingFor?.message ?? null;
  } catch {
    return null;
  }
}

/** Where a run comes from and what came from it; nothing while the store is away. */
async function viewLineage(ports: ApiPorts, run: RunRef, read: RunReader): Promise<Pick<RunView, 'parent' | 'forks'>> {
  const { manifest, away } = await read(run);
  if (manifest === null || away !== null) return { parent: null, forks: [] };
  const source = manifest.fork === null ? null : { tenant: run.tenant, runId: manifest.fork.runId };
  const [forks, parent] = await Promise.all([listForks(ports, run), source === null ? null : read(source)]);
  return { parent: viewParent(manifest, parent?.outcome ?? null), forks: forks.map(toPublicId) };
}

/** `outcome` is the forked run's; null while it is live. */
function viewParent({ fork }: RunManifest, outcome: RunOutcome | null): RunView['parent'] {
  if (fork === null) return null;
  const { runId, step, by, why } = fork;
  const left = outcome?.effects.filter(({ seq }) => seq >= step) ?? null;
  return {
    run: toPublicId(runId),
    step,
    by,
    reason: why,
    effects_not_undone: left?.map(({ seq, tool, effect }) => ({ step: seq, tool, effect })) ?? null,
  };
}

/** What the manifest tells of a run; nothing while it cannot be read. */
function viewManifest(manifest: RunManifest | null) {
  if (manifest === null) {
    return { input: null, profile: null, model: null, budget: null, stand_in: null, metadata: {}, created_at: null };
  }
  return {
    input: manifest.question,
    profile: manifest.profile.name,
    model: manifest.profile.model.name,
    budget: toBudget(manifest.limits, null),
    stand_in: manifest.standIn,
    metadata: manifest.metadata,
    created_at: manifest.createdAt,
  };
}

function viewBase(run: RunRef, manifest: RunManifest | null): RunView {
  return {
    id: toPublicId(run.runId),
    object: 'research',
    status: 'queued',
    outcome: null,
    stop_reason: null,
    limit_hit: null,
    answer: null,
    report: null,
    sources: [],
    usage: toUsage(noUsage),
    cost_usd: null,
    progress: { turn: 0, tool_calls: 0, steps: 0, phase: 'queued' },
    started_at: null,
    completed_at: null,
    heartbeat_at: null,
    waitingFor: null,
    waitUntil: null,
    error: null,
    parent: null,
    forks: [],
    extra_attempts: null,
    head: null,
    trajectory_digest: null,
    links: toLinks(run.runId),
    ...viewManifest(manifest),
  };
}

function toUsage(usage: TokenUsage): RunView['usage'] {
  const { inputTokens, outputTokens, cachedTokens } = usage;
  return { input_tokens: inputTokens, output_tokens: outputTokens, cached_tokens: cachedTokens };
}

function toBudget(limits: Limits, spentMicroUsd: number | null): RunView['budget'] {
  return {
    max_cost_usd: toUsd(limits.maxCostMicroUsd),
    max_tokens: limits.maxTokens,
    max_tool_calls: limits.maxToolCalls,
    max_turns: limits.maxTurns,
    max_wall_seconds: limits.maxWallMs / 1_000,
    on_exceed: limits.onExceed,
    spent_usd: toUsd(spentMicroUsd),
  };
}

function viewEnded(run: RunRef, manifest: RunManifest | null, outcome: RunOutcome): RunView {
  const { spent, answer, report, sources, head, costMicroUsd } = outcome;
  return {
    ...viewBase(run, manifest),
    status: toStatus(outcome.outcome),
    outcome: outcome.outcome,
    stop_reason: outcome.stopReason,
    limit_hit: outcome.limitHit,
    answer,
    report,
    sources,
    extra_attempts: outcome.extraAttempts,
    head,
    usage: toUsage(spent),
    cost_usd: toUsd(costMicroUsd),
    progress: { turn: spent.turns, tool_calls: spent.toolCalls, steps: outcome.steps, phase: 'ended' },
    budget: toBudget(outcome.limits, costMicroUsd),
    started_at: toIso(outcome.startedAtMs),
    completed_at: toIso(outcome.endedAtMs),
    error: outcome.failure === null ? null : { type: outcome.failure.type, message: outcome.failure.message },
    trajectory_digest: outcome.trajectoryDigest,
  };
}

interface Known {
  readonly known: EngineRun;
  readonly manifest: RunManifest | null;
}

function viewKnown(run: RunRef, { known, manifest }: Known, progress: Progress): RunView {
  const { spent, turn, steps, phase } = progress;
  const base = viewBase(run, manifest);
  const beats = known.pending.map((pending) => pending.heartbeatAtMs ?? 0);
  const heartbeatAtMs = Math.max(0, ...beats);
  return {
    ...base,
    input: base.input ?? known.question,
    profile: base.profile ?? known.profile,
    usage: toUsage(spent),
    cost_usd: toUsd(spent.costMicroUsd),
    progress: { turn, tool_calls: spent.toolCalls, steps, phase },
    budget: manifest === null ? null : toBudget({ ...manifest.limits, ...progress.limits }, spent.costMicroUsd),
    started_at: toIso(progress.startedAtMs ?? known.startedAtMs),
    heartbeat_at: heartbeatAtMs === 0 ? null : toIso(heartbeatAtMs),
  };
}

async function viewLive(ports: ApiPorts, run: RunRef, facts: Known): Promise<RunView> {
  const { engine, settings } = ports;
  const { known, manifest } = facts;
  const hasPrices = manifest !== null && manifest.profile.prices !== null;
  const progress = await readProgress(engine, run, { executionId: known.executionId, hasPrices });
  const { queuePrefix } = settings;
  const { queues } = progress;
  const wait: Wait = await explainWait({ engine, queuePrefix, queues, nowMs: ports.now() }, known);
  const shown = viewKnown(run, facts, progress);
  const isQueued = progress.phase === 'queued';
  return {
    ...shown,
    ...wait,
    status: isQueued ? 'queued' : toLiveStatus(known),
    started_at: isQueued ? null : shown.started_at,
  };
}

/** A live run that waits for a person says so itself. */
function toLiveStatus({ told }: EngineRun): RunView['status'] {
  return told === 'paused' || told === 'requires_action' ? told : 'in_progress';
}

/** A run that the engine ended without its last word: terminated by an operator, or its code was unable to go on. */
async function viewCutOff(ports: ApiPorts, run: RunRef, facts: Known): Promise<RunView> {
  const { known, manifest } = facts;
  const hasPrices = manifest !== null && manifest.profile.prices !== null;
  const progress = await readProgress(ports.engine, run, { executionId: known.executionId, hasPrices });
  const isCancelled = known.status === 'cancelled';
  const failure = progress.end?.failure ?? { type: known.status, message: `the engine ended the run: ${known.status}` };
  return {
    ...viewKnown(run, facts, { ...progress, phase: 'ended' }),
    status: isCancelled ? 'cancelled' : 'failed',
    outcome: isCancelled ? 'cancelled' : 'failed',
    stop_reason: isCancelled ? 'cancelled' : 'error',
    completed_at: toIso(known.closedAtMs),
    error: isCancelled ? null : failure,
  };
}

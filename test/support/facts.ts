import { buildManifest } from '../../domain/build-manifest.ts';
import { type Limits, nothingSpent } from '../../domain/budget.ts';
import { type Carry, carrySchema } from '../../domain/carry.ts';
import { digestText } from '../../domain/digest.ts';
import { noHolds } from '../../domain/holds.ts';
import type { RunManifest } from '../../domain/manifest.ts';
import type { RunOutcome } from '../../domain/outcome.ts';
import { mirothinkerV1, type Profile } from '../../domain/profile.ts';
import type { ModelReceipt, ToolReceipt } from '../../domain/receipt.ts';
import type { StepRecord } from '../../domain/record.ts';
import { builtInTools } from '../../domain/tool-catalog.ts';
import type { ToolDefinition } from '../../domain/tools.ts';
import { noUsage } from '../../domain/usage.ts';

export const aRunId = '01J9ZX5T3QW8RN6Y7BCDEFGHJK';
export const anotherRunId = '01J9ZX5T3QW8RN6Y7BCDEFGHJM';
export const aDigest = digestText('a');

/** A tool of the tools pool. */
export const echoTool: ToolDefinition = {
  server: 'test',
  name: 'echo',
  description: 'Says what it is told.',
  inputSchema: { type: 'object' },
  effect: 'read',
  pool: 'tools',
};

export function someLimits(change: Partial<Limits> = {}): Limits {
  return {
    maxTurns: 600,
    maxToolCalls: 600,
    maxTokens: null,
    maxWallMs: 3_600_000,
    maxCostMicroUsd: null,
    onExceed: 'finalize',
    ...change,
  };
}

export function aProfile(change: Partial<Profile> = {}): Profile {
  const base = mirothinkerV1('a-model');
  return { ...base, tools: [...base.tools, 'echo'], ...change };
}

type ManifestChange = Partial<Parameters<typeof buildManifest>[0]>;

export function aManifest(change: ManifestChange = {}): RunManifest {
  return buildManifest({
    tenant: 'default',
    runId: aRunId,
    question: 'Which lighthouse is the tallest?',
    profile: aProfile(),
    tools: [...builtInTools(), echoTool],
    now: new Date('2026-03-01T12:00:00.000Z'),
    timeZone: 'UTC',
    standIn: false,
    metadata: {},
    ...change,
  });
}

/** A run that was answered. */
export function anOutcome(change: Partial<RunOutcome> = {}): RunOutcome {
  return {
    schemaVersion: 1,
    tenant: 'default',
    runId: aRunId,
    outcome: 'answered',
    stopReason: 'answered',
    limitHit: null,
    failure: null,
    answer: '5',
    report: 'It is \\boxed{5}',
    sources: [],
    effects: [],
    extraAttempts: 0,
    spent: nothingSpent(null),
    limits: someLimits(),
    costMicroUsd: null,
    steps: 1,
    head: aDigest,
    trajectoryDigest: aDigest,
    startedAtMs: 0,
    endedAtMs: Date.parse('2026-03-01T23:59:59.999Z'),
    ...change,
  };
}

export function aCarry(change: Partial<Carry> = {}, facts: Partial<Carry['facts']> = {}): Carry {
  const carry: Carry = {
    schemaVersion: 1,
    tenant: 'default',
    runId: aRunId,
    manifestDigest: aDigest,
    parent: null,
    facts: {
      profile: 'mirothinker-v1.0',
      question: 'Which lighthouse is the tallest?',
      limits: someLimits(),
      onStepFailure: 'observe',
      prices: null,
      keep: 5,
      windowTokens: 262_144,
      maxTokens: 16_384,
      baseTokens: 2_000,
      finalTokens: 400,
      readerReserve: null,
      readerTools: [],
      ...facts,
    },
    startedAtMs: 1_000_000,
    nextSeq: 0,
    nextEvent: 1,
    head: aDigest,
    spent: nothingSpent(facts.prices ?? null),
    promptScale: 1_000,
    thoughtTokens: 0,
    observationTokens: [],
    rejectedInRow: 0,
    usesSandbox: false,
    holds: noHolds,
    pending: null,
    finalizing: null,
    ...change,
  };
  return carrySchema.parse(carry);
}

export function aModelReceipt(change: Partial<ModelReceipt> = {}): ModelReceipt {
  return {
    recordDigest: aDigest,
    contentTokens: 100,
    usage: { inputTokens: 1_000, outputTokens: 100, cachedTokens: 0 },
    costMicroUsd: null,
    stop: 'calls',
    calls: [{ tool: 'echo', pool: 'tools', callIndex: 0 }],
    boxed: false,
    preview: 'a reply',
    ...change,
  };
}

export function aToolReceipt(change: Partial<ToolReceipt> = {}): ToolReceipt {
  return {
    recordDigest: aDigest,
    contentTokens: 50,
    usage: noUsage,
    costMicroUsd: 0,
    status: 'ok',
    preview: 'an observation',
    ...change,
  };
}

export function aModelRecord(change: Partial<StepRecord> = {}): StepRecord {
  return {
    schemaVersion: 1,
    runId: aRunId,
    seq: 0,
    kind: 'model',
    turn: 1,
    attempt: 1,
    requestDigest: aDigest,
    effect: 'read',
    status: 'ok',
    failure: null,
    contents: [{ name: 'reply', digest: digestText('a reply'), bytes: 7 }],
    contentTokens: 2,
    usage: { inputTokens: 10, outputTokens: 2, cachedTokens: 0 },
    costMicroUsd: null,
    startedAtMs: 1_000,
    endedAtMs: 2_000,
    delivery: 1,
    model: { purpose: 'turn', firstLive: 0, promptDigest: aDigest, stop: 'calls', model: 'a-model', head: aDigest },
    tool: null,
    hold: null,
    ...change,
  };
}
